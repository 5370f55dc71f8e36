bf_fuzz(fuzz_dtls SOURCES fuzz_dtls.c LINK bf_dtls CORPUS fuzz_dtls)
