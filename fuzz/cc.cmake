bf_fuzz(fuzz_twcc SOURCES fuzz_twcc.c LINK bf_cc CORPUS fuzz_twcc)
