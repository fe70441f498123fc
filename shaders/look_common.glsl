/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every look may use. A look is one file look_NAME.glsl that defines
 *
 *	#define LOOK_OWNER	true if it wants to know the owner
 *	vec3 look(float rate, float age, uint owner)
 *
 * rate: hits a second; age: seconds since the last hit; owner: thread slot of the
 * first writer of that epoch. Pages without a hit never come here.
 */
uniform highp sampler2D palette; /* row 0: the rate scale, row 1: threads */
uniform float rate_low; /* hits a second at the dark end of the scale */
uniform float rate_steps; /* entries of the scale to a doubling of the rate */

vec3 palette_rate(float rate)
{
	float entry = log2(max(rate, rate_low) / rate_low) * rate_steps;

	return texelFetch(palette, ivec2(int(min(entry, 255.0) + 0.5), 0), 0).rgb;
}

vec3 palette_thread(uint owner)
{
	return texelFetch(palette, ivec2(int(owner & 255u), 1), 0).rgb;
}

/* 1 for a page written now, down to AGE_FLOOR after AGE_SECONDS. */
float brightness(float age)
{
	return mix(1.0, AGE_FLOOR, clamp(age / AGE_SECONDS, 0.0, 1.0));
}
