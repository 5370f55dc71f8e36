#include "storage/admin.h"

const struct bf_db_admin_ops *bf_db_admin_ops(const struct bf_conf *conf)
{
	return conf->storage.url[0] ? &bf_pg_admin : &bf_sqlite_admin;
}
