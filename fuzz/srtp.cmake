bf_fuzz(fuzz_srtp
  SOURCES fuzz_srtp.c ${PROJECT_SOURCE_DIR}/tests/media/srtp/engines.c
  LINK bf_srtp bf_drop
  CORPUS fuzz_srtp)
