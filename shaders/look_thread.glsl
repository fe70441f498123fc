/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Colour is the thread that wrote last, brightness the age.
 * Weak: 256 colours, reused for more threads than that.
 */
#define LOOK_OWNER true

vec3 look(float rate, float age, uint owner)
{
	return palette_thread(owner) * brightness(age);
}
