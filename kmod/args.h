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

/**
 * glassram_args_get_grown() - copy in an argument structure that has grown
 * @user: the caller's structure
 * @args: filled; what a shorter one lacks is 0
 * @size: sizeof(*@args)
 * @first: the size it had in its first version
 * Return: the caller's size, which is at least @first; -EINVAL, -E2BIG, -EFAULT.
 */
static inline long glassram_args_get_grown(const void __user *user, void *args, size_t size,
					   size_t first)
{
	u32 user_size;
	int ret;

	if (get_user(user_size, (const u32 __user *)user))
		return -EFAULT;
	if (user_size < first)
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

/**
 * glassram_args_get() - copy in an argument structure of its first version
 * @user: the caller's structure
 * @args: filled
 * @size: sizeof(*@args)
 * Return: as glassram_args_get_grown().
 */
static inline long glassram_args_get(const void __user *user, void *args, size_t size)
{
	return glassram_args_get_grown(user, args, size, size);
}

/**
 * glassram_args_put() - copy results back
 * @user: the caller's structure; what a longer one has behind ours stays
 * @args: results
 * @size: sizeof(*@args)
 * Return: 0 or -EFAULT.
 */
static inline int glassram_args_put(void __user *user, const void *args, size_t size)
{
	return copy_to_user(user, args, size) ? -EFAULT : 0;
}

#endif /* GLASSRAM_ARGS_H */
