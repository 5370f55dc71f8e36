# The server under real clients: one test for each file, so that a failure has a name. They share the machine with nobody:
# browsers that encode and decode video need it all to themselves to keep their timing.
function(belfry_e2e_test test name)
  add_test(NAME e2e/${test} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/run ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${name}.mjs)
  set_tests_properties(e2e/${test} PROPERTIES
    LABELS "e2e" RUN_SERIAL ON TIMEOUT 300 ENVIRONMENT "BELFRY=$<TARGET_FILE:belfry>;${ARGN}")
endfunction()

file(GLOB e2e_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/e2e/*.test.*)
foreach(file ${e2e_tests})
  get_filename_component(name ${file} NAME_WE)
  get_filename_component(path ${file} NAME_WLE)
  belfry_e2e_test(${name} ${path})
endforeach()

foreach(variant plain spread)
  foreach(name call features resilience)
    belfry_e2e_test(${name}_${variant} ${name}.test ${BELFRY_VARIANT_${variant}})
  endforeach()
endforeach()
