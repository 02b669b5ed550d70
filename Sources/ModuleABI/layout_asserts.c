/* layout_asserts.c — what a compiler must make of the header, or modules and host would disagree. */
#include "apus/all.h"
#include "apus/draft/all.h"

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#define AT(type, member, offset) _Static_assert(offsetof(type, member) == (offset), #type "." #member)

SIZE(apus_str, 16);
SIZE(apus_status, 4);
SIZE(apus_link, 24);
SIZE(apus_host, 24);
AT(apus_host, self, 8);
AT(apus_host, extension, 16);
SIZE(apus_directive, 56);
AT(apus_directive, handle, 32);
AT(apus_directive, data, 48);
SIZE(apus_conf_ops, 24);
SIZE(apus_module, 104);
AT(apus_module, name, 24);
AT(apus_module, directives, 64);
AT(apus_module, server_conf, 72);
AT(apus_module, dir_conf, 80);
AT(apus_module, attach, 88);
SIZE(apus_hook_reg, 64);
AT(apus_hook_reg, fn, 24);
AT(apus_hook_reg, flags, 56);
SIZE(apus_filter_reg, 88);
SIZE(apus_segment, 48);
SIZE(apus_config_v1, 8 + 17 * 8);
SIZE(apus_hooks_v1, 8 + 5 * 8);
SIZE(apus_functions_v1, 8 + 3 * 8);
SIZE(apus_providers_v1, 8 + 3 * 8);
SIZE(apus_pool_v1, 8 + 6 * 8);
SIZE(apus_log_v1, 8 + 6 * 8);
SIZE(apus_request_v1, 8 + 16 * 8);
SIZE(apus_headers_v1, 8 + 10 * 8);
SIZE(apus_subrequest_v1, 8 + 7 * 8);
SIZE(apus_conn_v1, 8 + 8 * 8);
SIZE(apus_module_fact, 72);
SIZE(apus_server_v1, 8 + 11 * 8);
SIZE(apus_body_v1, 8 + 15 * 8);
SIZE(apus_filters_v1, 8 + 10 * 8);
SIZE(apus_tasks_v1, 8 + 9 * 8);
SIZE(apus_authz_v1, 8 + 3 * 8);
SIZE(apus_authn_v1, 8 + 2 * 8);
SIZE(apus_work, 40);
AT(apus_work, run, 8);
AT(apus_work, state, 32);
SIZE(apus_confset_v1, 8 + 2 * 8);
SIZE(apus_figure, 80);
AT(apus_figure, value, 72);
SIZE(apus_figures_v1, 8 + 1 * 8);
SIZE(apus_log_item_v1, 8 + 1 * 8);
SIZE(apus_status_source_v1, 8 + 1 * 8);
SIZE(apus_regex_v1, 8 + 4 * 8);
SIZE(apus_shm_v1, 8 + 5 * 8);
SIZE(apus_mutex_v1, 8 + 5 * 8);
SIZE(apus_leader_v1, 8 + 5 * 8);
SIZE(apus_socache_v1, 8 + 7 * 8);
SIZE(apus_socache_hints, 24);
AT(apus_socache_hints, lifetime_us, 16);
SIZE(apus_expr_v1, 8 + 11 * 8);

/* Drafts. */
SIZE(apus_program_v0, 8 + 1 * 8);
SIZE(apus_transport_v0, 8 + 8 * 8);
SIZE(apus_upstream_v0, 8 + 8 * 8);
SIZE(apus_protocol_v0, 8 + 4 * 8);
SIZE(apus_upgrade_v0, 8 + 7 * 8);
SIZE(apus_handover_v0, 8 + 3 * 8);
SIZE(apus_timeouts_v0, 8 + 1 * 8);
SIZE(apus_preface_v0, 8 + 2 * 8);
SIZE(apus_tap_v0, 8 + 3 * 8);
SIZE(apus_inspect_v0, 8 + 5 * 8);
SIZE(apus_config_line, 80);
SIZE(apus_session_store_v0, 8 + 2 * 8);
SIZE(apus_session_codec_v0, 8 + 2 * 8);
SIZE(apus_wire_v0, 8 + 5 * 8);
