// SPDX-License-Identifier: GPL-2.0
/*
 * What EGL can do on this machine, as a table. `glassctl doctor` shows the line
 * that begins with "import".
 *
 * Weak: where /dev/udmabuf cannot be opened the made-up counters are plain
 * memory, and then only the upload rung can be tried; the module's own counters
 * may do better.
 */
#include "probe.h"

#include "egl.h"
#include "kms_device.h"
#include "machine.h"
#include "mapper.h"
#include "message.h"
#include "source.h"

#define PROBE_SLOTS (1U << 16)

static void row(FILE *out, const char *name, const char *value, const char *more)
{
	fprintf(out, "%-12s %s%s\n", name, value, more);
}

static void print_rungs(FILE *out, const struct mapper_verdict *verdict)
{
	enum mapper_rung rung;

	for (rung = MAPPER_VIEW; rung < MAPPER_RUNGS; rung++) {
		const char *cause = verdict->rung[rung].cause;

		fprintf(out, "  %-10s %s\n", mapper_rung_name(rung),
			!verdict->rung[rung].tested ? "not tried" : *cause ? cause : "works");
	}
}

static void print_display(FILE *out)
{
	struct kms_device *device = kms_device_open(NULL, 0, 0, true);

	if (!device) {
		row(out, "display", "none that can be had now", "");
		return;
	}
	fprintf(out, "%-12s %s (%s, %ux%u)\n", "display", device->path, device->driver,
		device->mode.hdisplay, device->mode.vdisplay);
	kms_device_close(device);
}

int probe_print(FILE *out)
{
	struct source *source = source_synthetic_create(PROBE_SLOTS);
	struct mapper_verdict verdict = { 0 };
	enum mapper_rung rung;
	struct egl egl;

	if (!source)
		return -1;
	rung = mapper_self_test(-1, &source->view.columns, MAPPER_RUNGS, &verdict);
	if (egl_open(-1, &egl)) {
		source->destroy(source);
		return -1;
	}
	row(out, "import", rung == MAPPER_AUTO ? "none works" : mapper_rung_name(rung),
	    rung == MAPPER_UPLOAD ? ": every picture copies the counters" :
	    rung == MAPPER_AUTO ? "" : ": zero copy");
	print_rungs(out, &verdict);
	row(out, "renderer", egl.renderer, egl.software ? " (software)" : "");
	row(out, "machine", machine_is_emulated() ? "emulated: its times are not real" : "real or virtual", "");
	egl_close(&egl);
	source->destroy(source);
	print_display(out);
	if (rung == MAPPER_AUTO) {
		message("no import rung works here: install a GL driver (libgl1-mesa-dri)");
		return -1;
	}
	return 0;
}
