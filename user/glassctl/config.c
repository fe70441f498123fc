// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl config: the settings in force, where each comes from, and what it takes.
 */
#include "glassctl.h"
#include "output.h"

static void print_table(const struct glassram_config *config)
{
	struct table *table = table_create(5, "SETTING", "VALUE", "FROM", "TAKES", "MEANING");
	char value[GLASSRAM_CONFIG_WORD], origin[GLASSRAM_CONFIG_PATH + 16];

	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++) {
		const char *missing = glassram_setting_missing(i);

		table_cell(table, "%s", glassram_setting_name(i));
		table_cell(table, "%s", missing ? "-" : glassram_setting_value(config, i, value));
		table_cell(table, "%s",
			   glassram_setting_origin(config, i, origin, sizeof(origin)));
		table_cell(table, "%s", glassram_setting_takes(i));
		table_cell(table, "%s%s%s", glassram_setting_meaning(i),
			   missing ? "; no effect: " : "", missing ? missing : "");
	}
	table_finish(table);
}

static void print_json(const struct glassram_config *config)
{
	char value[GLASSRAM_CONFIG_WORD], origin[GLASSRAM_CONFIG_PATH + 16];
	json_t *settings = json_array(), *files = json_array();

	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++)
		json_array_append_new(settings, json_pack("{s:s, s:s, s:o, s:s, s:s, s:s?}",
			"name", glassram_setting_name(i),
			"value", glassram_setting_value(config, i, value),
			"from", json_text(glassram_setting_origin(config, i, origin,
								  sizeof(origin))),
			"takes", glassram_setting_takes(i),
			"meaning", glassram_setting_meaning(i),
			"no_effect", glassram_setting_missing(i)));
	for (size_t i = 0; i < config->nr_files; i++)
		json_array_append_new(files, json_text(config->files[i]));
	json_print(json_pack("{s:o, s:o}", "files", files, "settings", settings));
}

int glassctl_config(const struct glassctl_options *options)
{
	if (options->json)
		print_json(&options->config);
	else
		print_table(&options->config);
	return GLASSCTL_DONE;
}
