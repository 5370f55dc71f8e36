bf_fuzz(fuzz_stun
  SOURCES fuzz_stun.c ${PROJECT_SOURCE_DIR}/tests/media/stun/stun_build.c
  LINK bf_stun PkgConfig::OPENSSL
  CORPUS fuzz_stun)
