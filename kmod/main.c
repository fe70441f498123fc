// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/glassram: what the module can do (QUERY), and the way to a session
 * (ATTACH). Opening the device allows nothing by itself: the right to watch a
 * process comes with the process's own mem file.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "args.h"
#include "backend.h"
#include "family.h"
#include "kfunc.h"
#include "layout_events.h"
#include "main.h"
#include "policy.h"
#include "session.h"

static bool soft_dirty;
#ifndef __CHECKER__ /* sparse cannot evaluate what these assert since 7.2 */
module_param(soft_dirty, bool, 0444);
MODULE_PARM_DESC(soft_dirty, "arm by soft-dirty bits even where the kernel has better (for tests)");
#endif

/* How this module arms, on this kernel. */
const struct glassram_backend *glassram_backend(void)
{
#ifdef GLASSRAM_HAS_WP_ASYNC
	if (!soft_dirty)
		return &glassram_wp_async;
#endif
	return &glassram_softdirty;
}

static long query(void __user *user)
{
	struct glassram_query args;
	long ret;

	ret = glassram_args_get(user, &args, sizeof(args));
	if (ret < 0)
		return ret;
	if (args.flags)
		return -EINVAL;
	args = (struct glassram_query){
		.size = ret,
		.api_version = GLASSRAM_API_VERSION,
		.block_slots = GLASSRAM_BLOCK_SLOTS,
		.features = (glassram_policy_supported() ? GLASSRAM_FEATURE_POLICY : 0) |
			    (glassram_layout_supported() ? GLASSRAM_FEATURE_LAYOUT_EVENTS : 0) |
			    (glassram_kfunc_supported() ? GLASSRAM_FEATURE_KFUNCS : 0) |
			    (glassram_backend()->arm ? GLASSRAM_FEATURE_BUDGET : 0),
		.backends = glassram_backend()->bit,
		.max_slots = GLASSRAM_MAX_SLOTS,
		.max_threads = GLASSRAM_MAX_THREADS,
		.sessions = glassram_session_count(),
		.policies = glassram_policy_count(),
	};
	return glassram_args_put(user, &args, sizeof(args));
}

static long attach(void __user *user)
{
	struct glassram_attach args;
	long ret;

	ret = glassram_args_get_grown(user, &args, sizeof(args), GLASSRAM_ATTACH_SIZE_VER0);
	if (ret < 0)
		return ret;
	if (args.flags & ~GLASSRAM_ATTACH_VALID_FLAGS || args.pad || args.pad2)
		return -EINVAL;
	return glassram_attach(&args);
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	if (_IOC_TYPE(cmd) != GLASSRAM_IOCTL_TYPE)
		return -ENOTTY;
	/* By number: the size that is part of the command may be another version's. */
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(GLASSRAM_QUERY):
		return query(user);
	case _IOC_NR(GLASSRAM_ATTACH):
		return attach(user);
	}
	return -ENOTTY;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "glassram",
	.fops = &device_fops,
	/* Group glassram comes from the udev rule. */
	.mode = 0660,
};

const struct device *glassram_device(void)
{
	return device.this_device;
}

static int __init glassram_init(void)
{
	int ret;

	ret = glassram_session_init();
	if (ret)
		return ret;
	ret = glassram_fault_init();
	if (ret)
		goto exit_session;
	glassram_policy_init();
	glassram_probes_init();
	glassram_layout_init();
	glassram_kfunc_init();
	/* Last: from here on userspace can come in. */
	ret = misc_register(&device);
	if (ret)
		goto exit_fault;
	return 0;

exit_fault:
	glassram_layout_exit();
	glassram_probes_exit();
	glassram_family_exit();
	glassram_fault_exit();
exit_session:
	glassram_session_exit();
	return ret;
}

static void __exit glassram_exit(void)
{
	misc_deregister(&device);
	glassram_session_exit();
	glassram_layout_exit();
	glassram_probes_exit();
	glassram_family_exit();
	glassram_fault_exit();
}

module_init(glassram_init);
module_exit(glassram_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Glass RAM: a live microscope for memory");
MODULE_VERSION("0.1.0");
