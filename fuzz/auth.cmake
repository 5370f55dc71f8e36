bf_fuzz(fuzz_join_token SOURCES fuzz_join_token.c LINK bf_auth CORPUS fuzz_join_token)
bf_fuzz(fuzz_factors SOURCES fuzz_factors.c LINK bf_auth CORPUS fuzz_factors)
