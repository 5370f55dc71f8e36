bf_fuzz(fuzz_ice
  SOURCES fuzz_ice.c ${PROJECT_SOURCE_DIR}/tests/media/stun/stun_build.c
  LINK bf_ice PkgConfig::OPENSSL
  CORPUS fuzz_ice)
