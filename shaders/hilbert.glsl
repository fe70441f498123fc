/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The Hilbert curve, orders 1 to 16: the one definition, read as GLSL ES by the
 * shaders and as C by <glassram/hilbert.h>. Only unsigned 32-bit arithmetic and
 * no types but uint, so that both languages give the same bits. HILBERT_LANES is
 * what is transformed: one uint, or in C a vector of them, each for itself.
 *
 * A curve of order n visits the 2^n x 2^n points once each, every step going to
 * a direct neighbour, and each aligned run of 4^k indices fills one aligned
 * square of side 2^k. Index 0 is at (0, 0), the last index at (2^n - 1, 0).
 *
 * How it works. Going down one level, a quadrant shows the same curve, possibly
 * with x and y swapped (s) and possibly both complemented (c). With the bits x
 * and y of one level, the orientation below it is
 *
 *	s' = (1 ^ x ^ y) s ^ c ^ !y
 *	c' = (x ^ y) s ^ (1 ^ x ^ y) c ^ (x & !y)
 *
 * which is affine over GF(2). Affine maps can be composed in any grouping, so
 * all 16 levels are done at once, one level to a bit, by four doubling steps
 * (a parallel prefix) instead of a loop over the levels. From two levels on, the
 * linear part of a map is a rotation (or 0, above the top),
 *
 *	s' = a s ^ b c ^ t
 *	c' = b s ^ (a ^ b) c ^ u
 *
 * which is multiplication in GF(4): two bits tell it, not four. The other
 * direction is simpler still: there the digits are known, and s and c are prefix
 * XORs.
 *
 * Weak: nothing checks its arguments. order must be 1 to 16, and bits above it
 * give wrong results silently.
 */
#ifndef HILBERT_FUNCTION
#define HILBERT_FUNCTION
#endif
#ifndef HILBERT_LANES
#define HILBERT_LANES uint
#endif

/* Bits 0 to 15 moved to the even positions 0 to 30. */
HILBERT_FUNCTION HILBERT_LANES hilbert_spread(HILBERT_LANES v)
{
	v = (v | (v << 8u)) & 0x00ff00ffu;
	v = (v | (v << 4u)) & 0x0f0f0f0fu;
	v = (v | (v << 2u)) & 0x33333333u;
	return (v | (v << 1u)) & 0x55555555u;
}

/* The reverse: the even bits gathered into bits 0 to 15. */
HILBERT_FUNCTION HILBERT_LANES hilbert_gather(HILBERT_LANES v)
{
	v = v & 0x55555555u;
	v = (v | (v >> 1u)) & 0x33333333u;
	v = (v | (v >> 2u)) & 0x0f0f0f0fu;
	v = (v | (v >> 4u)) & 0x00ff00ffu;
	return (v | (v >> 8u)) & 0x0000ffffu;
}

/* Bit k of the result: XOR of all bits above k. */
HILBERT_FUNCTION HILBERT_LANES hilbert_xor_above(HILBERT_LANES v)
{
	v = v >> 1u;
	v = v ^ (v >> 1u);
	v = v ^ (v >> 2u);
	v = v ^ (v >> 4u);
	return v ^ (v >> 8u);
}

/*
 * hilbert_index() - where along the curve the point (x, y) lies
 * x, y: 0 to 2^order - 1
 * order: 1 to 16
 * Return: 0 to 4^order - 1.
 */
HILBERT_FUNCTION HILBERT_LANES hilbert_index(HILBERT_LANES x, HILBERT_LANES y, uint order)
{
	/* The top level in bit 15: the levels below the curve's own are zero
	 * and cannot reach upwards.
	 */
	uint unused = 16u - order;
	HILBERT_LANES bx = x << unused;
	HILBERT_LANES by = y << unused;
	HILBERT_LANES odd = bx ^ by;

	/* Bit k: the map of the level above. Zeros come in at the top, which is the
	 * start, s = c = 0.
	 */
	HILBERT_LANES o = odd >> 1u;
	HILBERT_LANES t = (~by & 0xffffu) >> 1u;
	HILBERT_LANES u = (bx & ~by) >> 1u;

	/* The maps of two levels, one behind the other. */
	HILBERT_LANES th = t >> 1u;
	HILBERT_LANES uh = u >> 1u;
	HILBERT_LANES a = ((o >> 1u) | ~o) & 0x3fffu;
	HILBERT_LANES b = (o ^ (o >> 1u)) & 0x3fffu;

	t = t ^ (~o & th) ^ uh;
	u = u ^ (o & th) ^ (~o & uh);
	for (uint step = 2u; step < 8u; step = step << 1u) {
		HILBERT_LANES ah = a >> step;
		HILBERT_LANES bh = b >> step;
		HILBERT_LANES a0 = a;

		th = t >> step;
		uh = u >> step;
		t = t ^ (a & th) ^ (b & uh);
		u = u ^ (b & th) ^ ((a ^ b) & uh);
		a = (a & ah) ^ (b & bh);
		b = (a0 & bh) ^ (b & (ah ^ bh));
	}
	th = t >> 8u;
	uh = u >> 8u;
	HILBERT_LANES s = t ^ (a & th) ^ (b & uh);
	HILBERT_LANES c = u ^ (b & th) ^ ((a ^ b) & uh);

	/* Seen in its own orientation, quadrant (x, y) has digit 3x ^ y. */
	HILBERT_LANES swapped = s & odd;
	HILBERT_LANES high = bx ^ swapped ^ c;

	return ((hilbert_spread(high) << 1u) | hilbert_spread(odd)) >> (2u * unused);
}

/*
 * hilbert_point() - the point at an index, the inverse of hilbert_index()
 * index: 0 to 4^order - 1
 * order: 1 to 16
 * Return: x in the low 16 bits, y in the high 16.
 */
HILBERT_FUNCTION HILBERT_LANES hilbert_point(HILBERT_LANES index, uint order)
{
	uint unused = 16u - order;
	HILBERT_LANES digits = index << (2u * unused);
	HILBERT_LANES high = hilbert_gather(digits >> 1u);
	HILBERT_LANES odd = hilbert_gather(digits);
	HILBERT_LANES s = hilbert_xor_above(~(high ^ odd) & 0xffffu);
	HILBERT_LANES c = hilbert_xor_above(high & odd);
	HILBERT_LANES swapped = s & odd;
	HILBERT_LANES bx = high ^ swapped ^ c;
	HILBERT_LANES by = bx ^ odd;

	return (bx >> unused) | ((by >> unused) << 16u);
}
