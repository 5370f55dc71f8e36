/* core/port_holder.h - which process has a port, for messages that say more than "address already in use".
 *
 * Thread: any; reads files, so not where packets flow.   Source: proc(5).
 */
#ifndef BF_CORE_PORT_HOLDER_H
#define BF_CORE_PORT_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

#define BF_PORT_HOLDER_TEXT 64

/* Who listens on `port`, whatever the address: "python3, pid 1234", or "a process of user 33" where looking further is not
 * permitted. "" when nobody is found: gone again, or in another network namespace. Returns `out`. */
const char *bf_port_holder(char out[static BF_PORT_HOLDER_TEXT], bool is_tcp, uint16_t port);

#endif
