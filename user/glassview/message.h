/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of glassview: one line on stderr, with the program's name.
 */
#ifndef GLASSVIEW_MESSAGE_H
#define GLASSVIEW_MESSAGE_H

/**
 * message() - print "glassview: ..." and a newline on stderr
 */
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * message_aside_begin() - keep stderr off the terminal
 * While a picture is on the terminal, everything written to stderr is kept in
 * memory. Does nothing if stderr is not a terminal.
 * Return: an fd that keeps what is written to it as well, or -1; not the caller's.
 */
int message_aside_begin(void);

/**
 * message_aside_end() - give stderr back and print what was kept
 */
void message_aside_end(void);

#endif
