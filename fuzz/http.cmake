bf_fuzz(fuzz_http SOURCES fuzz_http.c LINK bf_http CORPUS fuzz_http)
bf_fuzz(fuzz_proxy SOURCES fuzz_proxy.c LINK bf_http CORPUS fuzz_proxy)
