/* What the hosts check as they go. */
#ifndef KRAIT_EMBED_CHECK_H
#define KRAIT_EMBED_CHECK_H

#include <Python.h>

#include <stdio.h>
#include <unistd.h>

/* Ends the process with the place and the pending exception unless `what` holds. */
#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
            if (PyGILState_Check() && PyErr_Occurred())                        \
                PyErr_Print();                                                 \
            _exit(1);                                                          \
        }                                                                      \
    } while (0)

#endif
