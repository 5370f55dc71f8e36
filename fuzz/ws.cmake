bf_fuzz(fuzz_ws SOURCES fuzz_ws.c LINK bf_ws CORPUS fuzz_ws)
