// SPDX-License-Identifier: GPL-2.0
/*
 * The userfaultfd of a target: minted inside the target's address space by a
 * kernel thread, set up and used in the caller's context.
 *
 * There is no kernel API for userfaultfd, so its ioctls are called through the
 * file with arguments in caller memory. Another thread of the client can change
 * those between check and use; so every outcome is read back from the kernel's
 * own structures, and a surprise ends the session. Whatever the client achieves
 * that way stays inside what it could do to the target through ptrace.
 *
 * Weak spot: it depends on the layout of struct userfaultfd_ctx, which kernels
 * show to modules but do not promise.
 */
#include "compat.h"

#ifdef GLASSRAM_HAS_WP_ASYNC

#include <linux/device.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/userfaultfd.h>
#include <linux/workqueue.h>

#include "main.h"
#include "target.h"

/*
 * What may be switched on in our userfaultfd. Never EVENT_*: those block the
 * target until somebody reads them. UFFDIO_API adds to WP_ASYNC what it implies.
 */
#define FEATURES_ASKED UFFD_FEATURE_WP_ASYNC
#define FEATURES_ALLOWED (UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED | \
			  UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM)
/* The bit by which the kernel marks that UFFDIO_API was done. */
#define FEATURE_INITIALIZED BIT(31)

struct mint {
	struct work_struct work;
	struct mm_struct *mm;
	struct file *uffd;
	int ret;
};

static int match_name(struct device *dev, const void *name)
{
	return !strcmp(dev_name(dev), name);
}

/* /dev/userfaultfd, and not a look-alike that somebody put there. */
static struct file *open_uffd_device(void)
{
	struct device *device;
	struct file *file;
	dev_t number = 0;

	device = class_find_device(glassram_device()->class, NULL, "userfaultfd", match_name);
	if (!device)
		return ERR_PTR(-ENODEV);
	number = device->devt;
	put_device(device);

	file = filp_open("/dev/userfaultfd", O_RDWR | O_CLOEXEC, 0);
	if (IS_ERR(file))
		return file;
	if (!S_ISCHR(file_inode(file)->i_mode) || file_inode(file)->i_rdev != number) {
		fput(file);
		return ERR_PTR(-ENODEV);
	}
	return file;
}

/* In a kernel thread: a userfaultfd belongs to the address space it is made in. */
static void mint_work(struct work_struct *work)
{
	struct mint *mint = container_of(work, struct mint, work);
	struct file *device = open_uffd_device();
	long fd;

	if (IS_ERR(device)) {
		/* Whatever else is wrong with it, there is none for us. */
		mint->ret = PTR_ERR(device) == -ENOMEM ? -ENOMEM : -ENODEV;
		return;
	}
	kthread_use_mm(mint->mm);
	/*
	 * USER_MODE_ONLY: else a hostile client could block the target inside a
	 * system call. Asynchronous write-protection serves those all the same.
	 */
	fd = device->f_op->unlocked_ioctl(device, USERFAULTFD_IOC_NEW,
					  O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	kthread_unuse_mm(mint->mm);
	fput(device);
	if (fd < 0) {
		mint->ret = fd;
		return;
	}
	mint->uffd = fget(fd);
	close_fd(fd);
	mint->ret = mint->uffd ? 0 : -EBADF;
}

static int set_features(struct glassram_mm *target, struct glassram_work *work)
{
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURES_ASKED };
	unsigned int features;
	long ret;

	if (copy_to_user(work->args, &api, sizeof(api)))
		return -EFAULT;
	ret = target->uffd->f_op->unlocked_ioctl(target->uffd, UFFDIO_API,
						  (unsigned long)work->args);
	if (ret == -EINVAL)
		return -EOPNOTSUPP;
	if (ret)
		return ret;
	features = glassram_uffd_ctx(target->uffd)->features;
	if (features & ~(FEATURES_ALLOWED | FEATURE_INITIALIZED) ||
	    !(features & UFFD_FEATURE_WP_ASYNC))
		return -EXDEV;
	return 0;
}

/**
 * glassram_uffd_mint() - make a userfaultfd in the target's mm
 * @target: the target; its mm is alive
 * @work: the caller's memory
 *
 * Return: 0, and @target owns the file; -ENODEV no userfaultfd device;
 * -EOPNOTSUPP no asynchronous write-protection; -EXDEV arguments were changed;
 * -EFAULT; -ENOMEM.
 */
int glassram_uffd_mint(struct glassram_mm *target, struct glassram_work *work)
{
	struct mint mint = { .mm = target->mm };

	INIT_WORK_ONSTACK(&mint.work, mint_work);
	queue_work(system_unbound_wq, &mint.work);
	flush_work(&mint.work);
	destroy_work_on_stack(&mint.work);
	if (mint.ret)
		return mint.ret;

	target->uffd = mint.uffd;
	target->uffd_ctx = glassram_uffd_ctx(mint.uffd);
	if (glassram_uffd_ctx(mint.uffd)->mm != target->mm)
		return -EXDEV;
	return set_features(target, work);
}

/**
 * glassram_uffd_register() - register one mapping for write-protection
 * @target: the target; the session's lock is held
 * @work: the caller's memory
 * @start: first address
 * @end: one past the last
 *
 * Takes the target's mmap_lock for writing. The caller must verify the outcome
 * (glassram_regions_update() does).
 * Return: 0 or the kernel's refusal.
 */
int glassram_uffd_register(struct glassram_mm *target, struct glassram_work *work,
			   unsigned long start, unsigned long end)
{
	struct uffdio_register reg = {
		.range = { .start = start, .len = end - start },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (fatal_signal_pending(current))
		return -EINTR;
	if (copy_to_user(work->args, &reg, sizeof(reg)))
		return -EFAULT;
	return target->uffd->f_op->unlocked_ioctl(target->uffd, UFFDIO_REGISTER,
						   (unsigned long)work->args);
}

/**
 * glassram_uffd_protect() - arm a range by userfaultfd
 * @target: the target; the session's lock is held
 * @work: the caller's memory
 * @start: first address
 * @end: one past the last; all of it is populated, or page tables are made
 *
 * Return: 0, -EFAULT, -EINTR when killed, or the kernel's refusal.
 */
int glassram_uffd_protect(struct glassram_mm *target, struct glassram_work *work,
			  unsigned long start, unsigned long end)
{
	struct uffdio_writeprotect protect = {
		.range = { .start = start, .len = end - start },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	if (fatal_signal_pending(current))
		return -EINTR;
	if (copy_to_user(work->args, &protect, sizeof(protect)))
		return -EFAULT;
	return target->uffd->f_op->unlocked_ioctl(target->uffd, UFFDIO_WRITEPROTECT,
						  (unsigned long)work->args);
}

#endif /* GLASSRAM_HAS_WP_ASYNC */
