# The server under real clients: one test for each file, so that a failure has a name. They share the machine with nobody:
# browsers that encode and decode video need it all to themselves to keep their timing.
file(GLOB e2e_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/e2e/*.test.*)
foreach(file ${e2e_tests})
  get_filename_component(name ${file} NAME_WE)
  add_test(NAME e2e/${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/run ${file})
  set_tests_properties(e2e/${name} PROPERTIES
    LABELS "e2e" RUN_SERIAL ON TIMEOUT 300 ENVIRONMENT "BELFRY=$<TARGET_FILE:belfry>")
endforeach()
