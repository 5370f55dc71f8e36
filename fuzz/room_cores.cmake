bf_fuzz(fuzz_rewrite SOURCES fuzz_rewrite.c LINK bf_room_cores CORPUS fuzz_rewrite)
