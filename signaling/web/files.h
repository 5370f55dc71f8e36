/* signaling/web/files.h - the console and the SDK, as they were built into this binary.
 *
 * Thread: constants.
 */
#ifndef BF_SIGNALING_WEB_FILES_H
#define BF_SIGNALING_WEB_FILES_H

#include "signaling/http/server.h"

extern const struct bf_http_file bf_web_files[];
extern const size_t bf_web_file_count;

#endif
