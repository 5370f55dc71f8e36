bf_fuzz(fuzz_spool SOURCES fuzz_spool.c LINK bf_spool CORPUS fuzz_spool)
bf_fuzz(fuzz_row SOURCES fuzz_row.c LINK bf_db_core CORPUS fuzz_row)
bf_fuzz(fuzz_s3_xml SOURCES fuzz_s3_xml.c LINK bf_blob CORPUS fuzz_s3_xml)
