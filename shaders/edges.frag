/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where regions meet, found once for each change of the region table: one texel
 * for each cell, bit 0 where its left neighbour belongs to another region, bit 1
 * for the neighbour above.
 *
 * Weak: cells outside the map count as no region; the frame of the map shows
 * that border.
 */
uniform highp usampler2D regions; /* in the order of the curve, REGIONS_WIDTH a row */
uniform uint order;
out uint edges;

uint region_of(uint x, uint y)
{
	uint index = hilbert_index(x, y, order);

	return texelFetch(regions, ivec2(int(index % REGIONS_WIDTH), int(index / REGIONS_WIDTH)),
			  0).r;
}

void main()
{
	uint x = uint(gl_FragCoord.x);
	uint y = uint(gl_FragCoord.y);
	uint here = region_of(x, y);
	uint left = x > 0u ? region_of(x - 1u, y) : 0u;
	uint above = y > 0u ? region_of(x, y - 1u) : 0u;

	edges = (left != here ? 1u : 0u) | (above != here ? 2u : 0u);
}
