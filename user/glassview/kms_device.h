/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A display device: choice of connector, mode, CRTC and plane, the properties
 * of atomic mode setting, and the state to go back to.
 */
#ifndef GLASSVIEW_KMS_DEVICE_H
#define GLASSVIEW_KMS_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

/* Properties that the sink sets, in the order of the table in kms_device.c. */
enum kms_property {
	KMS_CONNECTOR_CRTC_ID,
	KMS_CRTC_MODE_ID,
	KMS_CRTC_ACTIVE,
	KMS_PLANE_FB_ID,
	KMS_PLANE_CRTC_ID,
	KMS_PLANE_SRC_X,
	KMS_PLANE_SRC_Y,
	KMS_PLANE_SRC_W,
	KMS_PLANE_SRC_H,
	KMS_PLANE_CRTC_X,
	KMS_PLANE_CRTC_Y,
	KMS_PLANE_CRTC_W,
	KMS_PLANE_CRTC_H,
	KMS_NR_PROPERTIES,
};

/**
 * struct kms_device - a device of which this process is DRM master
 * @fd: the device
 * @path: "/dev/dri/card0"
 * @driver: name of its kernel driver
 * @mode: the mode to set
 * @connector, @crtc, @plane: object ids
 * @crtc_index: place of @crtc among all
 * @properties: property ids
 * @before: the CRTC as it was found, NULL if it was off
 */
struct kms_device {
	int fd;
	char path[64];
	char driver[32];
	drmModeModeInfo mode;
	uint32_t connector;
	uint32_t crtc;
	uint32_t plane;
	uint32_t crtc_index;
	uint32_t properties[KMS_NR_PROPERTIES];
	drmModeCrtc *before;
};

/**
 * kms_device_open() - take a display
 * @path: device, or NULL for the first with a connected display
 * @width, @height: the mode wanted, 0 for the display's preferred one
 * @quiet: print nothing: the caller has other places to go
 * Return: NULL with a one-line message printed.
 */
struct kms_device *kms_device_open(const char *path, uint32_t width, uint32_t height, bool quiet);

/**
 * kms_device_restore() - show again what was shown before the device was taken
 */
void kms_device_restore(struct kms_device *device);

/**
 * kms_device_close() - give the device back; NULL is fine
 */
void kms_device_close(struct kms_device *device);

/**
 * struct kms_request - an atomic commit in the making
 * @failed: some part could not be added; it sticks, and the commit fails
 */
struct kms_request {
	struct kms_device *device;
	drmModeAtomicReq *atomic;
	bool failed;
};

void kms_request_init(struct kms_request *request, struct kms_device *device);
void kms_request_set(struct kms_request *request, enum kms_property property, uint64_t value);

/**
 * kms_request_commit() - commit and release the request
 * @flags: DRM_MODE_ATOMIC_*, DRM_MODE_PAGE_FLIP_EVENT
 * Return: 0 or a negative errno.
 */
int kms_request_commit(struct kms_request *request, uint32_t flags);

#endif
