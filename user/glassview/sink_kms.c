// SPDX-License-Identifier: GPL-2.0
/*
 * The KMS sink: a swapchain of our own on a display, without window system.
 *
 * Each scanout buffer (a dumb buffer where the CPU draws, a linear gbm_bo on a
 * GPU) is exported with PRIME, imported as an EGLImage and drawn into as a
 * framebuffer; an atomic commit shows it. Nothing is copied. Where EGL refuses
 * that import, the picture is drawn elsewhere and read back into the dumb
 * buffer, and a message says so.
 *
 * Weak: linear buffers are slower to draw into on some GPUs.
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <EGL/eglext.h>
#include <GLES3/gl31.h>
#include <GLES2/gl2ext.h>
#include <drm_fourcc.h>
#include <gbm.h>

#include "console.h"
#include "egl.h"
#include "kms_device.h"
#include "message.h"
#include "offscreen.h"

/* One shown, one on its way, one to draw into. */
#define NR_BUFFERS 3

/* A display that does not answer for so long has gone. */
#define FLIP_TIMEOUT_MS 3000

struct kms_buffer {
	uint32_t handle;
	uint32_t stride;
	uint32_t fb;
	struct gbm_bo *bo;
	uint8_t *map;
	size_t bytes;
	EGLImageKHR image;
	GLuint texture;
	GLuint framebuffer;
};

struct kms {
	struct sink sink;
	struct kms_device *device;
	EGLDisplay display;
	struct gbm_device *gbm;
	struct kms_buffer buffers[NR_BUFFERS];
	struct offscreen copy;
	bool copying;
	unsigned int next;
	bool shown;
	bool flip_pending;
	uint32_t mode_blob;
	int timer;
	PFNEGLCREATEIMAGEKHRPROC create_image;
	PFNEGLDESTROYIMAGEKHRPROC destroy_image;
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC image_target;
};

static uint32_t kms_width(const struct kms *kms)
{
	return kms->device->mode.hdisplay;
}

static uint32_t kms_height(const struct kms *kms)
{
	return kms->device->mode.vdisplay;
}

static int make_dumb(struct kms *kms, struct kms_buffer *buffer)
{
	struct drm_mode_create_dumb create = {
		.width = kms_width(kms),
		.height = kms_height(kms),
		.bpp = 32,
	};
	struct drm_mode_map_dumb map = { 0 };
	int fd = kms->device->fd;

	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return -1;
	buffer->handle = create.handle;
	buffer->stride = create.pitch;
	buffer->bytes = create.size;
	map.handle = create.handle;
	if (drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		return -1;
	buffer->map = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	if (buffer->map == MAP_FAILED) {
		buffer->map = NULL;
		return -1;
	}
	return 0;
}

static int make_bo(struct kms *kms, struct kms_buffer *buffer)
{
	buffer->bo = gbm_bo_create(kms->gbm, kms_width(kms), kms_height(kms), GBM_FORMAT_XRGB8888,
				   GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING | GBM_BO_USE_LINEAR);
	if (!buffer->bo)
		return -1;
	buffer->handle = gbm_bo_get_handle(buffer->bo).u32;
	buffer->stride = gbm_bo_get_stride(buffer->bo);
	return 0;
}

/* Make GL draw straight into the buffer. */
static int import_buffer(struct kms *kms, struct kms_buffer *buffer)
{
	int fd;

	if (!kms->create_image)
		return -1;
	if (drmPrimeHandleToFD(kms->device->fd, buffer->handle, DRM_CLOEXEC | DRM_RDWR, &fd))
		return -1;
	EGLint attributes[] = {
		EGL_WIDTH, (EGLint)kms_width(kms),
		EGL_HEIGHT, (EGLint)kms_height(kms),
		EGL_LINUX_DRM_FOURCC_EXT, DRM_FORMAT_XRGB8888,
		EGL_DMA_BUF_PLANE0_FD_EXT, fd,
		EGL_DMA_BUF_PLANE0_OFFSET_EXT, 0,
		EGL_DMA_BUF_PLANE0_PITCH_EXT, (EGLint)buffer->stride,
		EGL_NONE,
	};

	buffer->image = kms->create_image(kms->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL,
					  attributes);
	/* The image holds its own reference. */
	close(fd);
	if (buffer->image == EGL_NO_IMAGE_KHR)
		return -1;
	glGenTextures(1, &buffer->texture);
	glBindTexture(GL_TEXTURE_2D, buffer->texture);
	while (glGetError() != GL_NO_ERROR)
		;
	kms->image_target(GL_TEXTURE_2D, buffer->image);
	glGenFramebuffers(1, &buffer->framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, buffer->framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, buffer->texture,
			       0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE ||
	    glGetError() != GL_NO_ERROR)
		return -1;
	return 0;
}

static int add_framebuffer(struct kms *kms, struct kms_buffer *buffer)
{
	uint32_t handles[4] = { buffer->handle };
	uint32_t strides[4] = { buffer->stride };
	uint32_t offsets[4] = { 0 };

	return drmModeAddFB2(kms->device->fd, kms_width(kms), kms_height(kms), DRM_FORMAT_XRGB8888,
			     handles, strides, offsets, &buffer->fb, 0);
}

static void free_buffer(struct kms *kms, struct kms_buffer *buffer)
{
	struct drm_mode_destroy_dumb destroy = { .handle = buffer->handle };

	if (buffer->framebuffer)
		glDeleteFramebuffers(1, &buffer->framebuffer);
	if (buffer->texture)
		glDeleteTextures(1, &buffer->texture);
	if (buffer->image)
		kms->destroy_image(kms->display, buffer->image);
	if (buffer->map)
		munmap(buffer->map, buffer->bytes);
	if (buffer->bo)
		gbm_bo_destroy(buffer->bo);
	else if (buffer->handle)
		drmIoctl(kms->device->fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	*buffer = (struct kms_buffer){ 0 };
}

static int make_buffers(struct kms *kms, bool dumb)
{
	int i;

	kms->copying = false;
	for (i = 0; i < NR_BUFFERS; i++) {
		struct kms_buffer *buffer = &kms->buffers[i];

		if (dumb ? make_dumb(kms, buffer) : make_bo(kms, buffer))
			return -1;
		if (!kms->copying && import_buffer(kms, buffer)) {
			if (!dumb)
				return -1;
			kms->copying = true;
		}
		if (add_framebuffer(kms, buffer))
			return -1;
	}
	if (kms->copying) {
		message("EGL refused to draw into buffers of %s: every picture is copied there instead",
			kms->device->path);
		return offscreen_init(&kms->copy, kms_width(kms), kms_height(kms));
	}
	return 0;
}

static void free_buffers(struct kms *kms)
{
	int i;

	for (i = 0; i < NR_BUFFERS; i++) {
		if (kms->buffers[i].fb)
			drmModeRmFB(kms->device->fd, kms->buffers[i].fb);
		free_buffer(kms, &kms->buffers[i]);
	}
}

/* RGBA to XRGB8888 (bytes B, G, R, X). */
static void copy_picture(struct kms *kms, struct kms_buffer *buffer)
{
	const uint8_t *pixels = offscreen_read(&kms->copy);
	uint32_t x, y, width = kms_width(kms), height = kms_height(kms);

	for (y = 0; y < height; y++) {
		const uint8_t *from = pixels + (size_t)y * width * 4;
		uint8_t *to = buffer->map + (size_t)y * buffer->stride;

		for (x = 0; x < width; x++, from += 4, to += 4) {
			to[0] = from[2];
			to[1] = from[1];
			to[2] = from[0];
			to[3] = 255;
		}
	}
}

static void on_flip(int fd, unsigned int sequence, unsigned int seconds, unsigned int microseconds,
		    void *data)
{
	(void)fd;
	(void)sequence;
	(void)seconds;
	(void)microseconds;
	(void)data;
}

static int wait_flip(struct kms *kms)
{
	drmEventContext events = { .version = 2, .page_flip_handler = on_flip };
	struct pollfd fd = { .fd = kms->device->fd, .events = POLLIN };
	int n;

	if (!kms->flip_pending)
		return 0;
	do {
		n = poll(&fd, 1, FLIP_TIMEOUT_MS);
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		message("the display on %s stopped answering: is it still connected?",
			kms->device->path);
		return -1;
	}
	/* One flip is on its way at most, so its event is the one that came. */
	drmHandleEvent(kms->device->fd, &events);
	kms->flip_pending = false;
	return 0;
}

static int kms_begin(struct sink *sink, struct sink_target *ret_target)
{
	struct kms *kms = (struct kms *)sink;

	*ret_target = (struct sink_target){
		.framebuffer = kms->copying ? kms->copy.framebuffer :
					      kms->buffers[kms->next].framebuffer,
		.width = kms_width(kms),
		.height = kms_height(kms),
		.top_down = true,
	};
	return 0;
}

static void wait_tick(struct kms *kms)
{
	uint64_t ticks;

	if (kms->timer < 0)
		return;
	while (read(kms->timer, &ticks, sizeof(ticks)) < 0 && errno == EINTR)
		;
}

static int commit(struct kms *kms, uint32_t fb)
{
	struct kms_request request;
	bool first = !kms->shown;

	kms_request_init(&request, kms->device);
	if (first) {
		kms_request_set(&request, KMS_CONNECTOR_CRTC_ID, kms->device->crtc);
		kms_request_set(&request, KMS_CRTC_MODE_ID, kms->mode_blob);
		kms_request_set(&request, KMS_CRTC_ACTIVE, 1);
		kms_request_set(&request, KMS_PLANE_CRTC_ID, kms->device->crtc);
		kms_request_set(&request, KMS_PLANE_SRC_X, 0);
		kms_request_set(&request, KMS_PLANE_SRC_Y, 0);
		/* Source sizes are 16.16 fixed point. */
		kms_request_set(&request, KMS_PLANE_SRC_W, (uint64_t)kms_width(kms) << 16);
		kms_request_set(&request, KMS_PLANE_SRC_H, (uint64_t)kms_height(kms) << 16);
		kms_request_set(&request, KMS_PLANE_CRTC_X, 0);
		kms_request_set(&request, KMS_PLANE_CRTC_Y, 0);
		kms_request_set(&request, KMS_PLANE_CRTC_W, kms_width(kms));
		kms_request_set(&request, KMS_PLANE_CRTC_H, kms_height(kms));
	}
	kms_request_set(&request, KMS_PLANE_FB_ID, fb);
	return kms_request_commit(&request, first ? DRM_MODE_ATOMIC_ALLOW_MODESET :
						    DRM_MODE_ATOMIC_NONBLOCK |
						    DRM_MODE_PAGE_FLIP_EVENT);
}

static int kms_end(struct sink *sink)
{
	struct kms *kms = (struct kms *)sink;
	struct kms_buffer *buffer = &kms->buffers[kms->next];
	int err;

	if (kms->copying)
		copy_picture(kms, buffer);
	/* The flip before this one; the buffer it replaced is free from then on. */
	if (wait_flip(kms))
		return -1;
	wait_tick(kms);
	err = commit(kms, buffer->fb);
	if (err) {
		message("the display on %s refused a picture (%s): try another --size or --headless",
			kms->device->path, strerror(-err));
		return -1;
	}
	kms->flip_pending = kms->shown;
	kms->shown = true;
	kms->next = (kms->next + 1) % NR_BUFFERS;
	return 0;
}

/* Virtual displays often have no vertical blank: then a timer keeps the pace. */
static void choose_pace(struct kms *kms)
{
	drmVBlank blank = {
		.request.type = DRM_VBLANK_RELATIVE |
				(kms->device->crtc_index << DRM_VBLANK_HIGH_CRTC_SHIFT),
	};
	struct itimerspec period = { 0 };
	long ns;

	kms->timer = -1;
	if (!drmWaitVBlank(kms->device->fd, &blank) || errno != EOPNOTSUPP)
		return;
	ns = 1e9 / kms->sink.refresh_hz;
	period.it_value.tv_nsec = ns;
	period.it_interval.tv_nsec = ns;
	kms->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (kms->timer >= 0)
		timerfd_settime(kms->timer, 0, &period, NULL);
}

static void kms_destroy(struct sink *sink)
{
	struct kms *kms = (struct kms *)sink;

	if (!kms)
		return;
	wait_flip(kms);
	/* Before its buffers go: removing a shown one turns the display off. */
	if (kms->shown)
		kms_device_restore(kms->device);
	free_buffers(kms);
	offscreen_finish(&kms->copy);
	if (kms->mode_blob)
		drmModeDestroyPropertyBlob(kms->device->fd, kms->mode_blob);
	if (kms->gbm)
		gbm_device_destroy(kms->gbm);
	if (kms->timer >= 0)
		close(kms->timer);
	console_give_back();
	free(kms);
}

static void load_entry_points(struct kms *kms)
{
	const char *display = eglQueryString(kms->display, EGL_EXTENSIONS);
	const char *gl = (const char *)glGetString(GL_EXTENSIONS);

	if (!egl_has_extension(display, "EGL_KHR_image_base") ||
	    !egl_has_extension(display, "EGL_EXT_image_dma_buf_import") ||
	    !egl_has_extension(gl, "GL_OES_EGL_image"))
		return;
	kms->create_image = (PFNEGLCREATEIMAGEKHRPROC)eglGetProcAddress("eglCreateImageKHR");
	kms->destroy_image = (PFNEGLDESTROYIMAGEKHRPROC)eglGetProcAddress("eglDestroyImageKHR");
	kms->image_target = (PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)
		eglGetProcAddress("glEGLImageTargetTexture2DOES");
}

static double refresh_of(const drmModeModeInfo *mode)
{
	if (mode->clock && mode->htotal && mode->vtotal)
		return mode->clock * 1000.0 / ((double)mode->htotal * mode->vtotal);
	return mode->vrefresh ? mode->vrefresh : 60.0;
}

struct sink *sink_kms_create(EGLDisplay display, struct kms_device *device, bool software)
{
	struct kms *kms = calloc(1, sizeof(*kms));

	if (!kms) {
		message("no memory for a display: free some and repeat");
		return NULL;
	}
	kms->sink = (struct sink){
		.name = "kms",
		.refresh_hz = refresh_of(&device->mode),
		.begin = kms_begin,
		.end = kms_end,
		.destroy = kms_destroy,
	};
	kms->device = device;
	kms->display = display;
	kms->timer = -1;
	load_entry_points(kms);
	if (!software)
		kms->gbm = gbm_create_device(device->fd);
	if (!kms->gbm || make_buffers(kms, false)) {
		if (!software)
			message("no GPU buffers that %s can show: the slower dumb buffers are used",
				device->path);
		free_buffers(kms);
		if (make_buffers(kms, true)) {
			message("%s gave no buffers of %ux%u (%s): use a smaller --size",
				device->path, kms_width(kms), kms_height(kms), strerror(errno));
			kms_destroy(&kms->sink);
			return NULL;
		}
	}
	if (drmModeCreatePropertyBlob(device->fd, &device->mode, sizeof(device->mode),
				      &kms->mode_blob)) {
		message("%s refused its own display mode: use --headless or --terminal",
			device->path);
		kms_destroy(&kms->sink);
		return NULL;
	}
	choose_pace(kms);
	console_take();
	return &kms->sink;
}
