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

#include "density.h"
#include "glassctl.h"
#include "shown.h"

#define SECONDS_DEFAULT 2.0
#define SECONDS_MAX 86400.0
#define BUDGET_DEFAULT 0.1
#define EVERY_DEFAULT 1.0
#define EVERY_MIN 0.05
#define EVERY_MAX 3600.0

static const struct command {
	const char *name;
	bool needs_pid;
	bool takes_files;
	int (*run)(const struct glassctl_options *options);
} commands[] = {
	{ "doctor", false, false, glassctl_doctor },
	{ "list", false, false, glassctl_list },
	{ "regions", true, false, glassctl_regions },
	{ "threads", true, false, glassctl_threads },
	{ "stats", true, false, glassctl_stats },
	{ "targets", true, false, glassctl_targets },
	{ "events", true, false, glassctl_events },
	{ "stream", true, false, glassctl_stream },
	{ "sample-bench", false, true, glassctl_sample_bench },
	{ "trace", false, true, glassctl_trace },
	{ "config", false, false, glassctl_config },
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
	{ "budget", required_argument, NULL, 'b' },
	{ "oracle", no_argument, NULL, 'O' },
	{ "method", required_argument, NULL, 'M' },
	{ "output", required_argument, NULL, 'o' },
	{ "preload", no_argument, NULL, 'P' },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "socket", required_argument, NULL, 'S' },
	{ "binary", no_argument, NULL, 'B' },
	{ "order", required_argument, NULL, 'N' },
	{ "every", required_argument, NULL, 'e' },
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
	puts("usage: glassctl [OPTION]... COMMAND [PID | TRACE... | -- CMD...]\n"
	     "\n"
	     "  doctor        what this machine has and lacks, and what mends it\n"
	     "  list          processes that can be watched, largest first\n"
	     "  regions PID   mappings of a process, and how much was written in each\n"
	     "  threads PID   threads that were seen writing\n"
	     "  stats PID     totals of watching it\n"
	     "  targets PID   the address spaces of its session: more than one with --follow\n"
	     "  events PID    what happens to it, line by line, until it ends\n"
	     "  stream PID    figures, density maps and what the detectors find, for others to\n"
	     "                read from a socket, until it ends\n"
	     "  sample-bench TRACE...\n"
	     "                what sampling would have cost in recorded traces, and how true\n"
	     "                the map would have been\n"
	     "  trace -- CMD  run a command and record which pages it writes in each epoch\n"
	     "  config        the settings in force, and where each comes from\n"
	     "\n"
	     "  -j, --json        print one JSON document; events: one for each line\n"
	     "  -s, --seconds N   watch for N seconds, 0 to 86400 (2; events, stream: until the\n"
	     "                    target ends); Ctrl-C prints sooner\n"
	     "  -r, --rate HZ     arming ticks a second, 1 to 1000 (10; trace: 60)\n"
	     "  -f, --follow      watch the processes that it starts, too\n"
	     "  -m, --mask LIST   which events, with commas: fork exec exit thread-start\n"
	     "                    thread-exit refused layout target target-end pause reset\n"
	     "                    owner (these without --mask), map unmap remove remap (these\n"
	     "                    cost the target something at each such call), all; hit (each\n"
	     "                    counted fault)\n"
	     "  -S, --socket PATH of a stream ($XDG_RUNTIME_DIR/glassram-PID.sock)\n"
	     "  -B, --binary      stream messages as bytes instead of lines of JSON\n"
	     "  -N, --order N     stream density maps of 2^N x 2^N cells, 1 to 10 (6)\n"
	     "  -e, --every N     stream figures and a map every N seconds, 0.05 to 3600 (1)\n"
	     "  -b, --budget N    sample-bench: share of the writes that may cost a fault,\n"
	     "                    0.001 to 1 (0.1)\n"
	     "  -O, --oracle      sample-bench: show what one could do who knows the truth\n"
	     "  -M, --method NAME sample-bench: neighbours (the default), direct or l1\n"
	     "  -o, --output FILE trace: the file (CMD.trace.xz); compressed if it ends in .xz\n"
	     "  -P, --preload     trace: have the command record itself, without the module\n"
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

static bool parse_seconds(const char *text, double min, double max, double *ret_seconds)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value < min || value > max)
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

static bool parse_budget(const char *text, double *ret_budget)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0.001 && value <= 1))
		return false;
	*ret_budget = value;
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

	if (command->takes_files) {
		options->files = argv;
		options->nr_files = argc;
	} else if (argc > wanted) {
		return usage("too many arguments, from", argv[wanted]);
	}
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
	struct glassctl_options options = {
		.seconds = SECONDS_DEFAULT,
		.budget = BUDGET_DEFAULT,
		.order = DENSITY_ORDER_DEFAULT,
		.every = EVERY_DEFAULT,
	};
	struct given given = { 0 };
	bool version = false;
	long rate, order;
	int option, status;

	while ((option = getopt_long(argc, argv, "js:r:fm:b:OM:o:PS:BN:e:hV", all_options(), NULL)) != -1) {
		switch (option) {
		case 'j':
			options.json = true;
			break;
		case 's':
			if (!parse_seconds(optarg, 0, SECONDS_MAX, &options.seconds))
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
		case 'b':
			if (!parse_budget(optarg, &options.budget))
				return usage("--budget takes 0.001 to 1, not", optarg);
			break;
		case 'O':
			options.oracle = true;
			break;
		case 'o':
			options.output = optarg;
			break;
		case 'P':
			options.preload = true;
			break;
		case 'M':
			if (!glassctl_method(optarg, &options.method))
				return usage("--method takes neighbours, direct or l1, not", optarg);
			break;
		case 'S':
			options.socket = optarg;
			break;
		case 'B':
			options.binary = true;
			break;
		case 'N':
			if (!parse_number(optarg, 1, DENSITY_ORDER_MAX, &order))
				return usage("--order takes 1 to 10, not", optarg);
			options.order = order;
			break;
		case 'e':
			if (!parse_seconds(optarg, EVERY_MIN, EVERY_MAX, &options.every))
				return usage("--every takes 0.05 to 3600, not", optarg);
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
		fputs("glassctl: no command: doctor, list, regions, threads, stats, targets, events, stream, config, sample-bench or trace; see `glassctl --help`\n",
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
