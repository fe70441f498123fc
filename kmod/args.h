/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arguments of ioctls: every structure starts with its size and flags and may
 * be shorter or longer than this module's.
 */
#ifndef GLASSRAM_ARGS_H
#define GLASSRAM_ARGS_H

#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

/*
 * Copy an argument structure in; yields its user size, or a negative errno.
 * @user: __user pointer. @args: pointer to the kernel's structure.
 */
#define glassram_args_get(user, args) \
	__glassram_args_get(user, args, sizeof(*(args)))

static inline long __glassram_args_get(const void __user *user, void *args, size_t size)
{
	u32 user_size;
	int ret;

	if (get_user(user_size, (const u32 __user *)user))
		return -EFAULT;
	/* All structures are still of their first version; later ones may be larger. */
	if (user_size < size)
		return -EINVAL;
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(args, size, user, user_size);
	if (ret)
		return ret;
	/* The first field could have changed since it was read. */
	*(u32 *)args = user_size;
	return user_size;
}

/* Copy results back; what a longer caller has behind them stays as it is. */
#define glassram_args_put(user, args) \
	(copy_to_user(user, args, sizeof(*(args))) ? -EFAULT : 0)

#endif /* GLASSRAM_ARGS_H */
