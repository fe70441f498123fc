// SPDX-License-Identifier: GPL-2.0
/*
 * A display device: choice of connector, mode, CRTC and plane.
 *
 * Takes the first connected connector of a device. Weak: one display only, and
 * a display plugged in later is not noticed.
 */
#include "kms_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"

/* More cards than any machine has; drmGetDevices2() also lists render nodes. */
#define MAX_CARDS 16

static const struct {
	uint32_t object;
	const char *name;
} property_table[KMS_NR_PROPERTIES] = {
	[KMS_CONNECTOR_CRTC_ID] = { DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID" },
	[KMS_CRTC_MODE_ID] = { DRM_MODE_OBJECT_CRTC, "MODE_ID" },
	[KMS_CRTC_ACTIVE] = { DRM_MODE_OBJECT_CRTC, "ACTIVE" },
	[KMS_PLANE_FB_ID] = { DRM_MODE_OBJECT_PLANE, "FB_ID" },
	[KMS_PLANE_CRTC_ID] = { DRM_MODE_OBJECT_PLANE, "CRTC_ID" },
	[KMS_PLANE_SRC_X] = { DRM_MODE_OBJECT_PLANE, "SRC_X" },
	[KMS_PLANE_SRC_Y] = { DRM_MODE_OBJECT_PLANE, "SRC_Y" },
	[KMS_PLANE_SRC_W] = { DRM_MODE_OBJECT_PLANE, "SRC_W" },
	[KMS_PLANE_SRC_H] = { DRM_MODE_OBJECT_PLANE, "SRC_H" },
	[KMS_PLANE_CRTC_X] = { DRM_MODE_OBJECT_PLANE, "CRTC_X" },
	[KMS_PLANE_CRTC_Y] = { DRM_MODE_OBJECT_PLANE, "CRTC_Y" },
	[KMS_PLANE_CRTC_W] = { DRM_MODE_OBJECT_PLANE, "CRTC_W" },
	[KMS_PLANE_CRTC_H] = { DRM_MODE_OBJECT_PLANE, "CRTC_H" },
};

static uint32_t object_of(const struct kms_device *device, uint32_t type)
{
	switch (type) {
	case DRM_MODE_OBJECT_CONNECTOR:
		return device->connector;
	case DRM_MODE_OBJECT_CRTC:
		return device->crtc;
	default:
		return device->plane;
	}
}

/* The id of a property of an object and its value, or 0. */
static uint32_t find_property(int fd, uint32_t object, uint32_t type, const char *name,
			      uint64_t *ret_value)
{
	drmModeObjectProperties *all = drmModeObjectGetProperties(fd, object, type);
	uint32_t i, id = 0;

	for (i = 0; all && i < all->count_props && !id; i++) {
		drmModePropertyRes *one = drmModeGetProperty(fd, all->props[i]);

		if (one && !strcmp(one->name, name)) {
			id = one->prop_id;
			if (ret_value)
				*ret_value = all->prop_values[i];
		}
		drmModeFreeProperty(one);
	}
	drmModeFreeObjectProperties(all);
	return id;
}

static int find_properties(struct kms_device *device)
{
	int i;

	for (i = 0; i < KMS_NR_PROPERTIES; i++) {
		uint32_t type = property_table[i].object;

		device->properties[i] = find_property(device->fd, object_of(device, type), type,
						      property_table[i].name, NULL);
		if (!device->properties[i])
			return -1;
	}
	return 0;
}

/* Why a device is of no use, in words that end in a cure. */
static const char *choose_mode(struct kms_device *device, const drmModeConnector *connector,
			       uint32_t width, uint32_t height)
{
	int i, best = -1;

	for (i = 0; i < connector->count_modes; i++) {
		const drmModeModeInfo *mode = &connector->modes[i];

		if (width) {
			if (mode->hdisplay == width && mode->vdisplay == height && best < 0)
				best = i;
		} else if (mode->type & DRM_MODE_TYPE_PREFERRED && best < 0) {
			best = i;
		}
	}
	if (best < 0 && width)
		return "the display has no mode of that --size: leave --size out, or see 'modetest -c'";
	device->mode = connector->modes[best < 0 ? 0 : best];
	return NULL;
}

static const char *choose_crtc(struct kms_device *device, const drmModeRes *resources,
			       const drmModeConnector *connector)
{
	int e, c;

	for (e = 0; e < connector->count_encoders; e++) {
		drmModeEncoder *encoder = drmModeGetEncoder(device->fd, connector->encoders[e]);

		for (c = 0; encoder && c < resources->count_crtcs; c++) {
			if (!(encoder->possible_crtcs & (1U << c)))
				continue;
			device->crtc = resources->crtcs[c];
			device->crtc_index = c;
			drmModeFreeEncoder(encoder);
			return NULL;
		}
		drmModeFreeEncoder(encoder);
	}
	return "no CRTC drives its display: another program may hold them";
}

static const char *choose_plane(struct kms_device *device)
{
	drmModePlaneRes *planes = drmModeGetPlaneResources(device->fd);
	uint32_t i;

	for (i = 0; planes && i < planes->count_planes && !device->plane; i++) {
		drmModePlane *plane = drmModeGetPlane(device->fd, planes->planes[i]);
		uint64_t type = 0;

		find_property(device->fd, planes->planes[i], DRM_MODE_OBJECT_PLANE, "type", &type);
		if (plane && type == DRM_PLANE_TYPE_PRIMARY &&
		    plane->possible_crtcs & (1U << device->crtc_index))
			device->plane = plane->plane_id;
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(planes);
	return device->plane ? NULL : "it has no primary plane: use --headless or --terminal";
}

static const char *choose(struct kms_device *device, uint32_t width, uint32_t height)
{
	const char *why = "no display is connected: connect one, or use --headless";
	drmModeConnector *connector = NULL;
	drmModeRes *resources;
	int i;

	if (drmSetClientCap(device->fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1) ||
	    drmSetClientCap(device->fd, DRM_CLIENT_CAP_ATOMIC, 1))
		return "its driver has no atomic mode setting: use --headless or --terminal";
	resources = drmModeGetResources(device->fd);
	if (!resources)
		return "it drives no display: name another, or use --headless";
	for (i = 0; i < resources->count_connectors; i++) {
		connector = drmModeGetConnector(device->fd, resources->connectors[i]);
		if (connector && connector->connection == DRM_MODE_CONNECTED &&
		    connector->count_modes > 0)
			break;
		drmModeFreeConnector(connector);
		connector = NULL;
	}
	if (connector) {
		device->connector = connector->connector_id;
		why = choose_mode(device, connector, width, height);
		if (!why)
			why = choose_crtc(device, resources, connector);
		if (!why)
			why = choose_plane(device);
		if (!why && find_properties(device))
			why = "its driver lacks properties of atomic mode setting: use --headless";
	}
	drmModeFreeConnector(connector);
	drmModeFreeResources(resources);
	return why;
}

/* Take one device. Return: NULL with *ret_why set; no reason: it is not there. */
static struct kms_device *open_one(const char *path, uint32_t width, uint32_t height,
				   const char **ret_why)
{
	struct kms_device *device;
	drmVersion *version;
	const char *why = NULL;

	*ret_why = NULL;
	device = calloc(1, sizeof(*device));
	if (!device) {
		*ret_why = "no memory: free some and repeat";
		return NULL;
	}
	snprintf(device->path, sizeof(device->path), "%s", path);
	device->fd = open(path, O_RDWR | O_CLOEXEC);
	if (device->fd < 0) {
		if (errno == EACCES || errno == EPERM)
			*ret_why = "no permission: join the group 'video', or be root";
		else if (errno != ENOENT)
			*ret_why = "it cannot be opened: is it a display device?";
		free(device);
		return NULL;
	}
	version = drmGetVersion(device->fd);
	if (!version)
		why = "it is not a display device: try /dev/dri/card0";
	else
		snprintf(device->driver, sizeof(device->driver), "%s", version->name);
	drmFreeVersion(version);
	/* Opening a device that has no master makes the opener master. */
	if (!why && !drmIsMaster(device->fd) && drmSetMaster(device->fd))
		why = "another program is DRM master of it: switch to a text console, or use --headless";
	if (!why)
		why = choose(device, width, height);
	if (why) {
		*ret_why = why;
		close(device->fd);
		free(device);
		return NULL;
	}
	device->before = drmModeGetCrtc(device->fd, device->crtc);
	if (device->before && !device->before->mode_valid) {
		drmModeFreeCrtc(device->before);
		device->before = NULL;
	}
	return device;
}

struct kms_device *kms_device_open(const char *path, uint32_t width, uint32_t height, bool quiet)
{
	const char *why, *first_why = NULL;
	struct kms_device *device;
	char name[64], first[64] = "";
	int i;

	if (path) {
		device = open_one(path, width, height, &why);
		if (!device && !quiet)
			message("cannot show on %s: %s", path,
				why ? why : "there is no such device; see 'ls /dev/dri'");
		return device;
	}
	for (i = 0; i < MAX_CARDS; i++) {
		snprintf(name, sizeof(name), "/dev/dri/card%d", i);
		device = open_one(name, width, height, &why);
		if (device)
			return device;
		if (why && !first_why) {
			first_why = why;
			snprintf(first, sizeof(first), "%s", name);
		}
	}
	if (quiet)
		return NULL;
	if (first_why)
		message("cannot show on %s: %s", first, first_why);
	else
		message("this machine has no display device (/dev/dri/card*): use --headless FILE.png or --terminal");
	return NULL;
}

void kms_device_restore(struct kms_device *device)
{
	const drmModeCrtc *before = device->before;

	if (before)
		drmModeSetCrtc(device->fd, before->crtc_id, before->buffer_id, before->x,
			       before->y, &device->connector, 1, &device->before->mode);
}

void kms_device_close(struct kms_device *device)
{
	if (!device)
		return;
	drmModeFreeCrtc(device->before);
	/* Closing the last master also lets the text console draw itself anew. */
	close(device->fd);
	free(device);
}

void kms_request_init(struct kms_request *request, struct kms_device *device)
{
	*request = (struct kms_request){
		.device = device,
		.atomic = drmModeAtomicAlloc(),
	};
	request->failed = !request->atomic;
}

void kms_request_set(struct kms_request *request, enum kms_property property, uint64_t value)
{
	struct kms_device *device = request->device;

	if (request->failed)
		return;
	if (drmModeAtomicAddProperty(request->atomic,
				     object_of(device, property_table[property].object),
				     device->properties[property], value) < 0)
		request->failed = true;
}

int kms_request_commit(struct kms_request *request, uint32_t flags)
{
	int err = -ENOMEM;

	if (!request->failed && drmModeAtomicCommit(request->device->fd, request->atomic, flags, NULL))
		err = -errno;
	else if (!request->failed)
		err = 0;
	drmModeAtomicFree(request->atomic);
	request->atomic = NULL;
	return err;
}
