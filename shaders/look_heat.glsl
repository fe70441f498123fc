/* SPDX-License-Identifier: GPL-2.0 */
/* The default look: colour is the rate, brightness the age. */
#define LOOK_OWNER false

vec3 look(float rate, float age, uint owner)
{
	return palette_rate(rate) * brightness(age);
}
