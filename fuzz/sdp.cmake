bf_fuzz(fuzz_sdp SOURCES fuzz_sdp.c LINK bf_sdp CORPUS ${PROJECT_SOURCE_DIR}/tests/data/sdp)
