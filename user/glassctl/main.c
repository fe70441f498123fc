// SPDX-License-Identifier: GPL-2.0
/*
 * glassctl: what glassram.ko knows, as tables or JSON, and whether this
 * machine has all it needs.
 *
 * Weak spot: what joins the session of another client shows what came of that
 * session since it began, which may be long ago.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <glassram/glassram.h>
#include <jansson.h>

#include "glassctl.h"
#include "shown.h"

#define SECONDS_DEFAULT 2.0
#define SECONDS_MAX 86400.0

static const struct command {
	const char *name;
	bool needs_pid;
	int (*run)(const struct glassctl_options *options);
} commands[] = {
	{ "doctor", false, glassctl_doctor },
	{ "list", false, glassctl_list },
	{ "regions", true, glassctl_regions },
	{ "threads", true, glassctl_threads },
	{ "stats", true, glassctl_stats },
	{ "targets", true, glassctl_targets },
	{ "events", true, glassctl_events },
	{ "config", false, glassctl_config },
};

/* Codes of the options that are settings: this and the number of the setting. */
#define OPTION_SETTING 512
#define OPTION_CONFIG 511

static const struct option plain_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "seconds", required_argument, NULL, 's' },
	{ "rate", required_argument, NULL, 'r' },
	{ "follow", no_argument, NULL, 'f' },
	{ "mask", required_argument, NULL, 'm' },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
};
#define NR_PLAIN (sizeof(plain_options) / sizeof(plain_options[0]))

/* What is not yet a part of struct glassctl_options: settings as they were given. */
struct given {
	const char *file;
	const char *settings[GLASSRAM_SETTINGS];
};

static void print_help(void)
{
	puts("usage: glassctl [OPTION]... COMMAND [PID]\n"
	     "\n"
	     "  doctor        what this machine has and lacks, and what mends it\n"
	     "  list          processes that can be watched, largest first\n"
	     "  regions PID   mappings of a process, and how much was written in each\n"
	     "  threads PID   threads that were seen writing\n"
	     "  stats PID     totals of watching it\n"
	     "  targets PID   the address spaces of its session: more than one with --follow\n"
	     "  events PID    what happens to it, line by line, until it ends\n"
	     "  config        the settings in force, and where each comes from\n"
	     "\n"
	     "  -j, --json        print one JSON document; events: one for each line\n"
	     "  -s, --seconds N   watch for N seconds, 0 to 86400 (2; events: until the target\n"
	     "                    ends); Ctrl-C prints sooner\n"
	     "  -r, --rate HZ     arming ticks a second, 1 to 1000 (10)\n"
	     "  -f, --follow      watch the processes that it starts, too\n"
	     "  -m, --mask LIST   which events, with commas: fork exec exit thread-start\n"
	     "                    thread-exit refused layout target target-end pause reset\n"
	     "                    owner (these without --mask), map unmap remove remap (these\n"
	     "                    cost the target something at each such call), all; hit (each\n"
	     "                    counted fault)\n"
	     "  --anonymise on    show addresses moved by an unknown distance\n"
	     "  --config FILE     read settings from here, not from /etc/glassram/config.conf and\n"
	     "                    ~/.config/glassram/config.conf; config takes all settings as\n"
	     "                    options, too\n"
	     "  -h, --help        this text\n"
	     "  -V, --version     version and compiled-in features\n"
	     "\n"
	     "A process that another client watches is shown in that client's session.\n"
	     "A hit is an epoch (the span between two ticks) in which a page was written. Exit\n"
	     "status: 0 done, 1 failed or something required is missing, 2 wrong command line.");
}

static void print_version(bool json)
{
	json_t *version;

	if (!json) {
		printf("glassctl %s\n"
		       "libglassram  %s\n"
		       "ioctl API    %d\n"
		       "policies     yes (libbpf %s)\n"
		       "json         yes (jansson %s)\n",
		       glassram_version(), glassram_version(), GLASSRAM_API_VERSION,
		       libbpf_version_string(), JANSSON_VERSION);
		return;
	}
	version = json_pack("{s:s, s:s, s:i, s:{s:s, s:s}}",
			    "glassctl", glassram_version(), "libglassram", glassram_version(),
			    "api", GLASSRAM_API_VERSION,
			    "features", "policies", libbpf_version_string(),
			    "json", JANSSON_VERSION);
	json_dumpf(version, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(version);
}

static int usage(const char *problem, const char *what)
{
	fprintf(stderr, "glassctl: %s \"%s\": see `glassctl --help`\n", problem, what);
	return GLASSCTL_USAGE;
}

static bool parse_seconds(const char *text, double *ret_seconds)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value < 0 || value > SECONDS_MAX)
		return false;
	*ret_seconds = value;
	return true;
}

static bool parse_number(const char *text, long min, long max, long *ret_value)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

/* All long options, with one for each setting. */
static const struct option *all_options(void)
{
	static struct option all[NR_PLAIN + GLASSRAM_SETTINGS + 1];

	memcpy(all, plain_options, sizeof(plain_options));
	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++)
		all[NR_PLAIN + i] = (struct option){ glassram_setting_name(i), required_argument,
						     NULL, OPTION_SETTING + (int)i };
	return all;
}

/* Settings, from files and then from options. */
static int configure(const struct command *command, const struct given *given,
		     struct glassctl_options *options)
{
	struct glassram_config *config = &options->config;
	enum glassram_error error;

	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++) {
		/* Only where addresses are shown, and to show what is set. */
		if (!given->settings[i] || command->run == glassctl_config ||
		    (i == GLASSRAM_SETTING_ANONYMISE && command->needs_pid))
			continue;
		fprintf(stderr, "glassctl: --%s has no effect on %s: leave it out\n",
			glassram_setting_name(i), command->name);
		return GLASSCTL_USAGE;
	}
	glassram_config_init(config);
	/* doctor has to work whatever a file says. */
	if (!command->needs_pid && command->run != glassctl_config) {
		if (!given->file)
			return GLASSCTL_DONE;
		fprintf(stderr, "glassctl: --config has no effect on %s: leave it out\n",
			command->name);
		return GLASSCTL_USAGE;
	}
	error = given->file ? glassram_config_read(config, given->file) :
			      glassram_config_load(config);
	if (!error) {
		for (size_t i = 0; i < GLASSRAM_SETTINGS; i++) {
			if (!given->settings[i] ||
			    !glassram_config_set(config, glassram_setting_name(i),
						 given->settings[i]))
				continue;
			fprintf(stderr, "glassctl: --%s\n", glassram_error_message());
			return GLASSCTL_USAGE;
		}
		error = glassram_config_check(config);
	}
	if (!error)
		return shown_begin(options);
	fprintf(stderr, "glassctl: %s\n", glassram_error_message());
	return GLASSCTL_USAGE;
}

static int run(const struct command *command, const struct given *given,
	       struct glassctl_options *options, int argc, char **argv)
{
	int wanted = command->needs_pid ? 1 : 0;
	int status;
	long pid;

	if (argc > wanted)
		return usage("too many arguments, from", argv[wanted]);
	if (command->needs_pid) {
		if (!argc) {
			fprintf(stderr, "glassctl: %s needs a PID: `glassctl list` shows them\n",
				command->name);
			return GLASSCTL_USAGE;
		}
		if (!parse_number(argv[0], 1, INT_MAX, &pid))
			return usage("a PID is a positive number, not", argv[0]);
		options->pid = pid;
	}
	status = configure(command, given, options);
	return status ? status : command->run(options);
}

int main(int argc, char **argv)
{
	struct glassctl_options options = { .seconds = SECONDS_DEFAULT };
	struct given given = { 0 };
	bool version = false;
	long rate;
	int option, status;

	while ((option = getopt_long(argc, argv, "js:r:fm:hV", all_options(), NULL)) != -1) {
		switch (option) {
		case 'j':
			options.json = true;
			break;
		case 's':
			if (!parse_seconds(optarg, &options.seconds))
				return usage("--seconds takes 0 to 86400, not", optarg);
			options.bounded = true;
			break;
		case 'r':
			if (!parse_number(optarg, 1, GLASSRAM_RATE_MAX, &rate))
				return usage("--rate takes 1 to 1000, not", optarg);
			options.rate_hz = rate;
			break;
		case 'f':
			options.follow = true;
			break;
		case 'm':
			options.mask = optarg;
			break;
		case 'h':
			print_help();
			return GLASSCTL_DONE;
		case 'V':
			version = true;
			break;
		case OPTION_CONFIG:
			given.file = optarg;
			break;
		case OPTION_SETTING ... OPTION_SETTING + GLASSRAM_SETTINGS - 1:
			given.settings[option - OPTION_SETTING] = optarg;
			break;
		default: /* getopt has said what is wrong */
			fputs("glassctl: see `glassctl --help`\n", stderr);
			return GLASSCTL_USAGE;
		}
	}
	if (version) {
		print_version(options.json);
		return GLASSCTL_DONE;
	}
	if (optind == argc) {
		fputs("glassctl: no command: doctor, list, regions, threads, stats, targets, events or config; see `glassctl --help`\n",
		      stderr);
		return GLASSCTL_USAGE;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[optind]))
			continue;
		status = run(&commands[i], &given, &options, argc - optind - 1, argv + optind + 1);
		/* a full disk or a closed pipe must not look like success */
		if (fflush(stdout) || ferror(stdout)) {
			fprintf(stderr, "glassctl: cannot write the output (%s): is the disk full?\n",
				strerror(errno));
			return GLASSCTL_FAILED;
		}
		return status;
	}
	return usage("there is no command", argv[optind]);
}
