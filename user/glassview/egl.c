// SPDX-License-Identifier: GPL-2.0
/*
 * EGL without windows: chooses the display that draws.
 *
 * A GPU is taken where there is one: the EGL device that stands for the DRM
 * node, else GBM on that node. What a display really is only shows in its
 * renderer string: with a display-only DRM device, Mesa quietly gives a software
 * rasteriser on that device, which claims to import dma-bufs and cannot. Such
 * displays are given back, and the software EGL device is opened instead, whose
 * imports work.
 *
 * Weak: a GPU driver is known by its renderer string not being one of Mesa's
 * software rasterisers; a new one would have to be added to the list.
 */
#define _GNU_SOURCE
#include "egl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <gbm.h>

#define MAX_DEVICES 16

/* Render nodes are numbered from here on. */
#define FIRST_RENDER_NODE "/dev/dri/renderD128"

/* Mesa's warnings about displays that are only tried would go to the terminal. */
#define QUIET_MESA "EGL_LOG_LEVEL", "fatal"

bool egl_has_extension(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; p && (p = strstr(p, name)); p += len) {
		bool starts = p == list || p[-1] == ' ';
		bool ends = p[len] == ' ' || p[len] == '\0';

		if (starts && ends)
			return true;
	}
	return false;
}

static bool is_software_renderer(const char *renderer)
{
	static const char *const names[] = { "llvmpipe", "softpipe", "swrast", "SWR",
					     "SwiftShader" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strstr(renderer, names[i]))
			return true;
	return false;
}

/* "llvmpipe (LLVM 19.1.7, 128 bits)" -> "llvmpipe" */
static void shorten_renderer(char *ret_name, size_t size, const char *renderer)
{
	size_t len = strcspn(renderer, "(/");

	while (len > 0 && renderer[len - 1] == ' ')
		len--;
	snprintf(ret_name, size, "%.*s", (int)len, renderer);
}

static EGLContext create_context(EGLDisplay display)
{
	static const EGLint minors[] = { 2, 1, 0 };

	for (size_t i = 0; i < sizeof(minors) / sizeof(*minors); i++) {
		EGLint attributes[] = { EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION,
					minors[i], EGL_NONE };
		EGLContext context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT,
						      attributes);

		if (context != EGL_NO_CONTEXT)
			return context;
	}
	return EGL_NO_CONTEXT;
}

/* Makes a context on @display; gives the display back if that fails. */
static int open_display(EGLDisplay display, struct egl *ret_egl)
{
	struct egl egl = { .display = display };
	const char *extensions;
	const char *renderer;

	if (display == EGL_NO_DISPLAY || !eglInitialize(display, NULL, NULL))
		return -1;
	extensions = eglQueryString(display, EGL_EXTENSIONS);
	if (!egl_has_extension(extensions, "EGL_KHR_surfaceless_context") ||
	    !egl_has_extension(extensions, "EGL_KHR_no_config_context"))
		goto err_terminate;
	if (!eglBindAPI(EGL_OPENGL_ES_API))
		goto err_terminate;
	egl.context = create_context(display);
	if (egl.context == EGL_NO_CONTEXT)
		goto err_terminate;
	if (!eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, egl.context))
		goto err_context;
	renderer = (const char *)glGetString(GL_RENDERER);
	if (!renderer)
		goto err_current;
	egl.software = is_software_renderer(renderer);
	shorten_renderer(egl.renderer, sizeof(egl.renderer), renderer);
	*ret_egl = egl;
	return 0;

err_current:
	eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
err_context:
	eglDestroyContext(display, egl.context);
err_terminate:
	eglTerminate(display);
	return -1;
}

void egl_close(struct egl *egl)
{
	if (!egl || !egl->context)
		return;
	eglMakeCurrent(egl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(egl->display, egl->context);
	eglTerminate(egl->display);
	memset(egl, 0, sizeof(*egl));
}

/* The EGL devices of this machine, and how to ask about them. */
struct devices {
	EGLDeviceEXT list[MAX_DEVICES];
	EGLint nr;
	PFNEGLQUERYDEVICESTRINGEXTPROC query_string;
};

static void list_devices(struct devices *ret_devices)
{
	const char *client = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
	PFNEGLQUERYDEVICESEXTPROC query_devices;
	struct devices devices = { .nr = 0 };

	*ret_devices = devices;
	if (!egl_has_extension(client, "EGL_EXT_platform_device"))
		return;
	if (!egl_has_extension(client, "EGL_EXT_device_base") &&
	    !(egl_has_extension(client, "EGL_EXT_device_enumeration") &&
	      egl_has_extension(client, "EGL_EXT_device_query")))
		return;
	query_devices = (PFNEGLQUERYDEVICESEXTPROC)eglGetProcAddress("eglQueryDevicesEXT");
	devices.query_string =
		(PFNEGLQUERYDEVICESTRINGEXTPROC)eglGetProcAddress("eglQueryDeviceStringEXT");
	if (!query_devices || !devices.query_string)
		return;
	if (!query_devices(MAX_DEVICES, devices.list, &devices.nr))
		devices.nr = 0;
	*ret_devices = devices;
}

static bool same_node(const char *path, dev_t node)
{
	struct stat st;

	return path && !stat(path, &st) && S_ISCHR(st.st_mode) && st.st_rdev == node;
}

/* Does this EGL device stand for the DRM node? A zero @node fits every GPU. */
static bool device_fits(const struct devices *devices, EGLDeviceEXT device, dev_t node)
{
	const char *extensions = devices->query_string(device, EGL_EXTENSIONS);

	if (egl_has_extension(extensions, "EGL_MESA_device_software"))
		return false;
	if (!node)
		return true;
	if (egl_has_extension(extensions, "EGL_EXT_device_drm") &&
	    same_node(devices->query_string(device, EGL_DRM_DEVICE_FILE_EXT), node))
		return true;
	return egl_has_extension(extensions, "EGL_EXT_device_drm_render_node") &&
	       same_node(devices->query_string(device, EGL_DRM_RENDER_NODE_FILE_EXT), node);
}

static int open_gpu(EGLDisplay display, struct egl *ret_egl)
{
	struct egl egl;

	if (open_display(display, &egl))
		return -1;
	if (egl.software) {
		egl_close(&egl);
		return -1;
	}
	*ret_egl = egl;
	return 0;
}

static int open_gpu_device(const struct devices *devices, dev_t node, struct egl *ret_egl)
{
	for (EGLint i = 0; i < devices->nr; i++) {
		EGLDisplay display;

		if (!device_fits(devices, devices->list[i], node))
			continue;
		display = eglGetPlatformDisplay(EGL_PLATFORM_DEVICE_EXT, devices->list[i], NULL);
		if (!open_gpu(display, ret_egl))
			return 0;
	}
	return -1;
}

/* EGL without device enumeration: the GPU through GBM. */
static int open_gpu_gbm(int drm_fd, struct egl *ret_egl)
{
	const char *client = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
	struct gbm_device *gbm;
	int fd;

	if (!egl_has_extension(client, "EGL_KHR_platform_gbm") &&
	    !egl_has_extension(client, "EGL_MESA_platform_gbm"))
		return -1;
	fd = drm_fd >= 0 ? fcntl(drm_fd, F_DUPFD_CLOEXEC, 3) :
			   open(FIRST_RENDER_NODE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	gbm = gbm_create_device(fd);
	if (!gbm) {
		close(fd);
		return -1;
	}
	if (!open_gpu(eglGetPlatformDisplay(EGL_PLATFORM_GBM_KHR, gbm, NULL), ret_egl))
		return 0; /* gbm and fd live as long as the process: the display uses them */
	gbm_device_destroy(gbm);
	close(fd);
	return -1;
}

static int open_software(const struct devices *devices, struct egl *ret_egl)
{
	for (EGLint i = 0; i < devices->nr; i++) {
		const char *extensions = devices->query_string(devices->list[i], EGL_EXTENSIONS);

		if (!egl_has_extension(extensions, "EGL_MESA_device_software"))
			continue;
		if (!open_display(eglGetPlatformDisplay(EGL_PLATFORM_DEVICE_EXT, devices->list[i],
							NULL),
				  ret_egl))
			return 0;
	}
	return -1;
}

int egl_open(int drm_fd, struct egl *ret_egl)
{
	struct devices devices;
	struct stat st;
	dev_t node = 0;

	setenv(QUIET_MESA, 0);
	if (drm_fd >= 0 && !fstat(drm_fd, &st))
		node = st.st_rdev;
	list_devices(&devices);
	if (!open_gpu_device(&devices, node, ret_egl))
		return 0;
	/*
	 * A machine without any render node has no GPU: its displays only show, and
	 * GBM on them is another software renderer, with chatter on stderr.
	 */
	if (!access(FIRST_RENDER_NODE, F_OK) && !open_gpu_gbm(drm_fd, ret_egl))
		return 0;
	if (!open_software(&devices, ret_egl))
		return 0;
	fprintf(stderr, "glassview: no EGL display can draw OpenGL ES 3: install Mesa "
			"(libegl-mesa0 and libgl1-mesa-dri)\n");
	return -1;
}
