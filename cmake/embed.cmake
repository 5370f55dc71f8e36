# Turns a folder of files into a C table of struct bf_http_file (signaling/http/server.h).
#
#   cmake -DFOLDER=<folder> -DOUT=<file.c> -DTABLE=<name> -DHEADER=<include path> -P embed.cmake
#
# The bytes come in by the assembler's .incbin: megabytes cost no compile time. Each file also gets a gzip form "<path>.gz" where
# that is smaller by a tenth; it is made reproducibly (no name, no time).
file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*)
list(SORT files)
list(FILTER files EXCLUDE REGEX "\\.gz$")

function(content_type out name)
  set(type application/octet-stream)
  if(name MATCHES "\\.html$")
    set(type "text/html; charset=utf-8")
  elseif(name MATCHES "\\.js$")
    set(type "text/javascript; charset=utf-8")
  elseif(name MATCHES "\\.css$")
    set(type "text/css; charset=utf-8")
  elseif(name MATCHES "\\.svg$")
    set(type "image/svg+xml")
  elseif(name MATCHES "\\.(ts|txt)$")
    set(type "text/plain; charset=utf-8")
  elseif(name MATCHES "\\.json$")
    set(type "application/json")
  elseif(name MATCHES "\\.png$")
    set(type "image/png")
  endif()
  set(${out} ${type} PARENT_SCOPE)
endfunction()

set(bytes "")
set(rows "")
set(index 0)
macro(add_file name path type)
  file(SHA256 ${path} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  file(SIZE ${path} size)
  string(APPEND bytes "BYTES(${TABLE}_${index}, \"${path}\")\n")
  string(APPEND rows "\t{\"/${name}\", \"${type}\", ${TABLE}_${index}, ${size}, \"\\\"${hash}\\\"\"},\n")
  math(EXPR index "${index} + 1")
endmacro()

foreach(name ${files})
  content_type(type ${name})
  add_file(${name} ${FOLDER}/${name} ${type})
  execute_process(COMMAND gzip -9nc ${FOLDER}/${name} OUTPUT_FILE ${FOLDER}/${name}.gz RESULT_VARIABLE failed)
  file(SIZE ${FOLDER}/${name} size)
  file(SIZE ${FOLDER}/${name}.gz gz_size)
  math(EXPR worth "${gz_size} * 10 / 9")
  if(NOT failed AND worth LESS size)
    add_file(${name}.gz ${FOLDER}/${name}.gz ${type})
  else()
    file(REMOVE ${FOLDER}/${name}.gz)
  endif()
endforeach()

file(WRITE ${OUT} "/* Made by cmake/embed.cmake. */
#include \"${HEADER}\"

#define BYTES(symbol, path) \\
	__asm__(\".pushsection .rodata\\n\" #symbol \":\\n.incbin \\\"\" path \"\\\"\\n.byte 0\\n.popsection\"); \\
	extern const uint8_t symbol[];

${bytes}
const struct bf_http_file ${TABLE}[] = {
${rows}};
const size_t ${TABLE}_count = sizeof(${TABLE}) / sizeof(${TABLE}[0]);
")
