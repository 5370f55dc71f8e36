# Files into the binary: a folder becomes a table of struct bf_http_file (signaling/http/server.h).
#
#   include(cmake/embed.cmake)
#   bf_embed(bf_console FOLDER ${CMAKE_BINARY_DIR}/web DEPENDS ${CMAKE_BINARY_DIR}/web.stamp)
#   target_link_libraries(belfry PRIVATE bf_console)
#
# makes a library bf_console and, in it,
#
#   extern const struct bf_http_file bf_console_files[];
#   extern const size_t bf_console_file_count;
#
# The table is made again when a file of the folder changes (those known at the last run), and when one of DEPENDS does: name
# there what the folder is built by, so that new files are noticed too. Text files get a gzip twin ("<path>.gz"), which the
# server prefers for clients that take it; source maps, hidden files and twins that save nothing are left out.
#
# The same file is the script that the build runs: cmake -DNAME= -DFOLDER= -DOUT= -DDEPFILE= -P embed.cmake

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(BF_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

  function(bf_embed name)
    cmake_parse_arguments(arg "" "FOLDER" "DEPENDS" ${ARGN})
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
    add_custom_command(
      OUTPUT ${out}
      DEPFILE ${out}.d
      DEPENDS ${BF_EMBED_SCRIPT} ${arg_DEPENDS}
      COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DFOLDER=${arg_FOLDER} -DOUT=${out} -DDEPFILE=${out}.d
              -P ${BF_EMBED_SCRIPT}
      COMMENT "Embedding ${arg_FOLDER}"
      VERBATIM)
    bf_library(${name} SOURCES ${out} LINK bf_http)
  endfunction()
  return()
endif()

cmake_policy(VERSION 3.25)

# Endings and their media types; those after GZIP are worth compressing.
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_mjs "text/javascript; charset=utf-8")
set(type_json "application/json")
set(type_webmanifest "application/manifest+json")
set(type_svg "image/svg+xml")
set(type_txt "text/plain; charset=utf-8")
set(type_md "text/markdown; charset=utf-8")
set(type_wasm "application/wasm")
set(type_png "image/png")
set(type_jpg "image/jpeg")
set(type_webp "image/webp")
set(type_ico "image/x-icon")
set(type_woff2 "font/woff2")
set(type_mp3 "audio/mpeg")
set(type_ogg "audio/ogg")
set(type_gz "application/gzip")
set(compressible html css js mjs json webmanifest svg txt md wasm)

set(symbols "")
set(rows "")
set(count 0)
set(depends "")

# One row: the bytes by .incbin (the compiler never sees them), the ETag from a hash. The hash in this text also makes the object
# file be built again when the bytes change.
macro(add_row macro path file type etag)
  file(SIZE "${file}" size)
  string(APPEND symbols "${macro}(${NAME}_data_${count}, \"${file}\") /* ${etag} */\n")
  string(APPEND rows "\t{\"${path}\", \"${type}\", ${NAME}_data_${count}, ${size}, \"\\\"${etag}\\\"\"},\n")
  math(EXPR count "${count} + 1")
endmacro()

file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT files)
set(packed_folder "${OUT}.gz.d")
file(REMOVE_RECURSE "${packed_folder}")
foreach(file ${files})
  if(file MATCHES "(^|/)\\." OR file MATCHES "\\.map$" OR file MATCHES "[\"\\\\]")
    continue()
  endif()
  cmake_path(GET file EXTENSION LAST_ONLY ending)
  string(REPLACE "." "" ending "${ending}")
  set(type "application/octet-stream")
  if(DEFINED type_${ending})
    set(type "${type_${ending}}")
  endif()
  string(APPEND depends " \\\n  ${FOLDER}/${file}")
  file(SHA256 "${FOLDER}/${file}" hash)
  string(SUBSTRING ${hash} 0 20 hash)
  add_row(EMBED "/${file}" "${FOLDER}/${file}" "${type}" ${hash})
  if(NOT ending IN_LIST compressible OR "${file}.gz" IN_LIST files)
    continue()
  endif()
  set(packed "${packed_folder}/${file}.gz")
  cmake_path(GET packed PARENT_PATH parent)
  file(MAKE_DIRECTORY "${parent}")
  file(ARCHIVE_CREATE OUTPUT "${packed}" PATHS "${FOLDER}/${file}" FORMAT raw COMPRESSION GZip COMPRESSION_LEVEL 9)
  file(SIZE "${packed}" packed_size)
  file(SIZE "${FOLDER}/${file}" plain_size)
  # The first eight bytes are written anew, without the time of packing (RFC 1952), so that the same files make the same binary.
  file(READ "${packed}" head LIMIT 4 HEX)
  if(packed_size LESS plain_size AND head STREQUAL "1f8b0800")
    add_row(EMBED_GZIP "/${file}.gz" "${packed}" "application/gzip" ${hash}-gz)
  endif()
endforeach()

set(text "/* Made by cmake/embed.cmake from a folder of files. */
#include \"signaling/http/server.h\"

#define EMBED_AS(symbol, directives) \\
\textern const uint8_t symbol[]; \\
\t__asm__(\".pushsection .rodata\\n.balign 16\\n.global \" #symbol \"\\n\" #symbol \":\\n\" directives \"\\n.byte 0\\n.popsection\\n\");
#define EMBED(symbol, file)      EMBED_AS(symbol, \".incbin \\\"\" file \"\\\"\")
#define EMBED_GZIP(symbol, file) EMBED_AS(symbol, \".byte 0x1f,0x8b,8,0,0,0,0,0\\n.incbin \\\"\" file \"\\\",8\")

${symbols}
extern const struct bf_http_file ${NAME}_files[];
extern const size_t ${NAME}_file_count;

const struct bf_http_file ${NAME}_files[] = {
${rows}\t{0}, /* not counted: a table may be empty */
};
const size_t ${NAME}_file_count = ${count};
")
file(WRITE "${OUT}" "${text}")
file(WRITE "${DEPFILE}" "${OUT}:${depends}\n")
