// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of glassview: every wrong value gets one line that names it
 * and says what would be right. Settings may come from files, too, and what the
 * command line says wins.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

/* Sizes that the layout of the picture can still fill, and that GL can draw. */
#define PICTURE_MIN 320
#define PICTURE_MAX 16384

static const char help[] =
	"usage: glassview [OPTIONS] [PID | -- COMMAND...]\n"
	"\n"
	"Shows which pages of a running process are written, live. Without PID or\n"
	"COMMAND, choose a process from a list. COMMAND is watched from its first\n"
	"instruction, and its exit status is passed on.\n"
	"\n"
	"Where the picture goes (default: a display if one can be had, else the terminal):\n"
	"  --kms[=DEVICE]      a display, without a window system (/dev/dri/card0)\n"
	"  --terminal          this terminal; not a terminal: the last picture as plain lines\n"
	"  --headless FILE.png the last picture as a file; beside --kms or --terminal too\n"
	"  --size WxH          picture size, or display mode (headless: 1920x1080)\n"
	"\n"
	"How long:\n"
	"  --seconds S         end after S seconds (5 where nobody can end it by hand)\n"
	"  --frames N          end after N pictures\n"
	"  --freeze            at that end arm once more, then let the picture and its clock\n"
	"                      stand until a signal or q\n"
	"\n"
	"What and how:\n"
	"  --rate HZ           arming ticks a second, 1 to 1000 (10)\n"
	"  --follow            watch the processes that it starts, too, and theirs\n"
	"  --policy FILE.bpf.o let a BPF policy decide what counts\n"
	"  --import RUNG       view, unpack, external or upload (the best that works)\n"
	"  --stats FILE.json   figures of this run\n"
	"  --config FILE       settings (below) from here, not from the usual places\n"
	"  --synthetic         a made-up target, without the module\n"
	"  --probe             print what EGL can do here, and end\n"
	"  --help, --version\n"
	"\n"
	"A process that another client watches is shown in that client's session.\n"
	"\n"
	"Settings, as options, and as lines NAME = VALUE of /etc/glassram/config.conf and\n"
	"~/.config/glassram/config.conf:\n";

static const char help_keys[] =
	"\n"
	"Keys: q ends; space freezes, and so does the signal USR1; p stops counting and\n"
	"goes on; z sets all counters to zero.\n";

enum {
	OPTION_HEADLESS = 256,
	OPTION_TERMINAL,
	OPTION_KMS,
	OPTION_STATS,
	OPTION_SECONDS,
	OPTION_FRAMES,
	OPTION_RATE,
	OPTION_FREEZE,
	OPTION_IMPORT,
	OPTION_CONFIG,
	OPTION_POLICY,
	OPTION_FOLLOW,
	OPTION_SIZE,
	OPTION_SYNTHETIC,
	OPTION_PROBE,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_SETTING, /* and the number of the setting: the last ones */
};

static const struct option plain_options[] = {
	{ "headless", required_argument, NULL, OPTION_HEADLESS },
	{ "terminal", no_argument, NULL, OPTION_TERMINAL },
	{ "kms", optional_argument, NULL, OPTION_KMS },
	{ "stats", required_argument, NULL, OPTION_STATS },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "frames", required_argument, NULL, OPTION_FRAMES },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "freeze", no_argument, NULL, OPTION_FREEZE },
	{ "import", required_argument, NULL, OPTION_IMPORT },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "policy", required_argument, NULL, OPTION_POLICY },
	{ "follow", no_argument, NULL, OPTION_FOLLOW },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "synthetic", no_argument, NULL, OPTION_SYNTHETIC },
	{ "probe", no_argument, NULL, OPTION_PROBE },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
};
#define NR_PLAIN (sizeof(plain_options) / sizeof(plain_options[0]))

/* Settings as they were given: they are tried when all files have been read. */
struct given {
	const char *file;
	const char *settings[GLASSRAM_SETTINGS];
};

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

/* Those that have an effect on pictures, with their defaults. */
static void print_help(void)
{
	struct glassram_config defaults;
	char value[GLASSRAM_CONFIG_WORD];

	glassram_config_init(&defaults);
	fputs(help, stdout);
	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++) {
		if (glassram_setting_missing(i) || i == GLASSRAM_SETTING_ANONYMISE)
			continue;
		printf("  --%-17s %s (%s)\n                      takes %s\n",
		       glassram_setting_name(i), glassram_setting_meaning(i),
		       glassram_setting_value(&defaults, i, value), glassram_setting_takes(i));
	}
	fputs(help_keys, stdout);
}

static int parse_integer(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	char *end;
	unsigned long long value;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return -1;
	*ret_value = value;
	return 0;
}

static int parse_seconds(const char *text, double *ret_seconds)
{
	char *end;
	double value;

	value = strtod(text, &end);
	/* Not a day and longer: a bound that long is a typing error. */
	if (end == text || *end || !(value > 0) || value > 86400)
		return -1;
	*ret_seconds = value;
	return 0;
}

static int parse_size(const char *text, uint32_t *ret_width, uint32_t *ret_height)
{
	const char *cross = strchr(text, 'x');
	uint64_t width, height;
	char first[16];

	if (!cross || (size_t)(cross - text) >= sizeof(first))
		return -1;
	memcpy(first, text, cross - text);
	first[cross - text] = '\0';
	if (parse_integer(first, PICTURE_MIN, PICTURE_MAX, &width) ||
	    parse_integer(cross + 1, PICTURE_MIN, PICTURE_MAX, &height))
		return -1;
	*ret_width = width;
	*ret_height = height;
	return 0;
}

/* What getopt_long() refused, in our own words. */
static int refuse_option(int code, char **argv)
{
	const char *word = argv[optind - 1];

	if (code == ':')
		message("option %s needs a value: see 'glassview --help'", word);
	else if (optopt > 0 && optopt < 256)
		message("unknown option '-%c': see 'glassview --help'", optopt);
	else if (optopt >= 256)
		message("option %.*s takes no value: see 'glassview --help'",
			(int)strcspn(word, "="), word);
	else
		message("unknown or ambiguous option '%s': see 'glassview --help'", word);
	return -1;
}

static int apply(struct options *options, struct given *given, int code, const char *value)
{
	uint64_t number;

	switch (code) {
	case OPTION_HEADLESS:
		options->headless = value;
		return 0;
	case OPTION_TERMINAL:
		options->terminal = true;
		return 0;
	case OPTION_KMS:
		options->kms = true;
		options->kms_device = value;
		return 0;
	case OPTION_STATS:
		options->stats = value;
		return 0;
	case OPTION_SECONDS:
		if (!parse_seconds(value, &options->seconds))
			return 0;
		message("--seconds takes a number above 0, up to 86400, not '%s'", value);
		return -1;
	case OPTION_FRAMES:
		if (!parse_integer(value, 1, UINT32_MAX, &options->frames))
			return 0;
		message("--frames takes a whole number from 1, not '%s'", value);
		return -1;
	case OPTION_RATE:
		if (!parse_integer(value, 1, GLASSRAM_RATE_MAX, &number)) {
			options->rate_hz = number;
			return 0;
		}
		message("--rate takes a whole number from 1 to %d, not '%s'", GLASSRAM_RATE_MAX,
			value);
		return -1;
	case OPTION_FREEZE:
		options->freeze = true;
		return 0;
	case OPTION_IMPORT:
		if (!mapper_rung_parse(value, &options->rung))
			return 0;
		message("--import takes view, unpack, external or upload, not '%s'", value);
		return -1;
	case OPTION_CONFIG:
		given->file = value;
		return 0;
	case OPTION_SETTING ... OPTION_SETTING + GLASSRAM_SETTINGS - 1:
		given->settings[code - OPTION_SETTING] = value;
		return 0;
	case OPTION_POLICY:
		options->policy = value;
		return 0;
	case OPTION_FOLLOW:
		options->follow = true;
		return 0;
	case OPTION_SIZE:
		if (!parse_size(value, &options->width, &options->height))
			return 0;
		message("--size takes WIDTHxHEIGHT, each from %d to %d, not '%s'", PICTURE_MIN,
			PICTURE_MAX, value);
		return -1;
	case OPTION_SYNTHETIC:
		options->synthetic = true;
		return 0;
	case OPTION_PROBE:
		options->probe = true;
		return 0;
	case OPTION_HELP:
		print_help();
		return 1;
	case OPTION_VERSION:
		printf("glassview %s (sinks: kms, headless, terminal; sources: session, synthetic)\n",
		       glassram_version());
		return 1;
	}
	return -1;
}

static int parse_pid(struct options *options, char **words, int count)
{
	uint64_t pid;

	if (!count)
		return 0;
	if (options->command) {
		message("'%s' and a command: name one target only", words[0]);
		return -1;
	}
	if (count > 1) {
		message("one PID only, not '%s' as well: write 'glassview -- COMMAND' to start a command",
			words[1]);
		return -1;
	}
	if (parse_integer(words[0], 1, INT32_MAX, &pid)) {
		message("'%s' is not a process id: find it with 'glassctl list', or write 'glassview -- COMMAND'",
			words[0]);
		return -1;
	}
	options->pid = pid;
	return 0;
}

/* Options that contradict each other. */
static int check(const struct options *options)
{
	if (options->synthetic && (options->pid || options->command)) {
		message("--synthetic has no process: leave out the %s",
			options->pid ? "PID" : "command");
		return -1;
	}
	if (options->synthetic && options->policy) {
		message("--policy needs a process: leave out --synthetic");
		return -1;
	}
	if (options->synthetic && options->follow) {
		message("--follow needs a process: leave out --synthetic");
		return -1;
	}
	return 0;
}

/* Settings, from files and then from options. */
static int configure(struct options *options, const struct given *given)
{
	struct glassram_config *config = &options->config;

	if (given->settings[GLASSRAM_SETTING_ANONYMISE]) {
		message("--anonymise has no effect on pictures, which show no addresses: leave it out");
		return -1;
	}
	glassram_config_init(config);
	if (given->file ? glassram_config_read(config, given->file) : glassram_config_load(config)) {
		message("%s", glassram_error_message());
		return -1;
	}
	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++) {
		if (given->settings[i] &&
		    glassram_config_set(config, glassram_setting_name(i), given->settings[i])) {
			message("--%s", glassram_error_message());
			return -1;
		}
	}
	if (glassram_config_check(config)) {
		message("%s", glassram_error_message());
		return -1;
	}
	if (options->kms && given->settings[GLASSRAM_SETTING_SCANOUT] && !config->view.scanout) {
		message("--kms wants a display and --scanout off refuses it: leave one of them out");
		return -1;
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options options = { .rung = MAPPER_AUTO };
	struct given given = { 0 };
	int code, err, words = 1;

	/* Everything behind the first "--" is the command's own business. */
	while (words < argc && strcmp(argv[words], "--"))
		words++;
	if (words < argc) {
		options.command = argv + words + 1;
		if (!options.command[0]) {
			message("no command after '--': write 'glassview -- COMMAND'");
			return -1;
		}
	}

	opterr = 0;
	optind = 0; /* a full restart, so that the parser may be called again */
	while ((code = getopt_long(words, argv, ":", all_options(), NULL)) != -1) {
		if (code == '?' || code == ':')
			return refuse_option(code, argv);
		/* "--kms DEVICE" is what people write. */
		if (code == OPTION_KMS && !optarg && optind < words &&
		    !strncmp(argv[optind], "/dev/", 5))
			optarg = argv[optind++];
		err = apply(&options, &given, code, optarg);
		if (err)
			return err;
	}
	if (parse_pid(&options, argv + optind, words - optind) || check(&options) ||
	    configure(&options, &given))
		return -1;
	*ret_options = options;
	return 0;
}
