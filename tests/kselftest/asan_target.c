// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small program to be built with AddressSanitizer, which maps terabytes of
 * shadow memory and touches hardly any of it. Test `intact` watches it.
 *
 * Weak spot: it works on the heap only, and only for a moment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NUMBERS 1000

int main(void)
{
	long sum = 0;
	char c;

	printf("ready\n");
	fflush(stdout);
	if (read(0, &c, 1) != 1)
		return 1;
	for (int round = 0; round < 200; round++) {
		int *numbers = malloc(NUMBERS * sizeof(*numbers));

		if (!numbers)
			return 2;
		sum = 0;
		for (int i = 0; i < NUMBERS; i++)
			numbers[i] = i;
		for (int i = 0; i < NUMBERS; i++)
			sum += numbers[i];
		free(numbers);
	}
	printf("sum %ld\n", sum);
	return 0;
}
