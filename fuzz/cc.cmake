bf_fuzz(fuzz_overload SOURCES fuzz_overload.c LINK bf_cc CORPUS fuzz_overload)
bf_fuzz(fuzz_pacer SOURCES fuzz_pacer.c LINK bf_cc CORPUS fuzz_pacer)
bf_fuzz(fuzz_twcc SOURCES fuzz_twcc.c LINK bf_cc CORPUS fuzz_twcc)
