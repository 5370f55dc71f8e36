bf_fuzz(fuzz_rtp SOURCES fuzz_rtp.c LINK bf_rtp CORPUS fuzz_rtp)
bf_fuzz(fuzz_rtcp SOURCES fuzz_rtcp.c LINK bf_rtp bf_cc CORPUS fuzz_rtcp)
