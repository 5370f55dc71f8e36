bf_fuzz(fuzz_http SOURCES fuzz_http.c LINK bf_http CORPUS fuzz_http)
