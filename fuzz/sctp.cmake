bf_fuzz(fuzz_sctp SOURCES fuzz_sctp.c LINK bf_sctp CORPUS fuzz_sctp)
bf_fuzz(fuzz_dcep SOURCES fuzz_dcep.c LINK bf_sctp CORPUS fuzz_dcep)
