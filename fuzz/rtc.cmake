bf_fuzz(fuzz_messages SOURCES fuzz_messages.c LINK bf_rtc CORPUS fuzz_messages)
bf_fuzz(fuzz_whip SOURCES fuzz_whip.c LINK bf_rtc CORPUS fuzz_whip)
