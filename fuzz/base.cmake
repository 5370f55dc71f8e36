bf_fuzz(fuzz_json SOURCES fuzz_json.c LINK bf_base CORPUS fuzz_json)
bf_fuzz(fuzz_text SOURCES fuzz_text.c LINK bf_base CORPUS fuzz_text)
