bf_fuzz(fuzz_codec SOURCES fuzz_codec.c LINK bf_codec CORPUS fuzz_codec)
