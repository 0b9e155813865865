/* The _curses module, from C. Needs the headers of ncurses; call import_curses() before anything else here. */

#ifndef Py_PY_CURSES_H
#define Py_PY_CURSES_H
#ifdef __cplusplus
extern "C" {
#endif

#ifdef __APPLE__
#  ifdef _BSD_WCHAR_T_DEFINED_
#    define _WCHAR_T
#  endif
#endif

#define NCURSES_NOMACROS
#ifndef NCURSES_OPAQUE
#  define NCURSES_OPAQUE 0
#endif
#define WINDOW_HAS_FLAGS 1
/* Keeps other curses from defining mouse functions. */
#define PDC_NCMOUSE

#if defined(HAVE_NCURSESW_NCURSES_H)
#  include <ncursesw/ncurses.h>
#elif defined(HAVE_NCURSES_H)
#  include <ncurses.h>
#else
#  include <curses.h>
#endif

typedef struct PyCursesWindowObject {
    PyObject_HEAD
    WINDOW *win;
    char *encoding;
    struct PyCursesWindowObject *orig;
} PyCursesWindowObject;

#define PyCurses_CAPSULE_NAME "_curses._C_API"

#define PyCurses_API_pointers 4

static void **PyCurses_API = NULL;

#define PyCursesWindow_Type (*_PyType_CAST(PyCurses_API[0]))
#define PyCursesSetupTermCalled { if (!((int (*)(void))PyCurses_API[1])()) return NULL; }
#define PyCursesInitialised { if (!((int (*)(void))PyCurses_API[2])()) return NULL; }
#define PyCursesInitialisedColor { if (!((int (*)(void))PyCurses_API[3])()) return NULL; }

#define import_curses() PyCurses_API = (void **)PyCapsule_Import(PyCurses_CAPSULE_NAME, 1)

#define PyCursesWindow_Check(v) Py_IS_TYPE((v), &PyCursesWindow_Type)

#ifdef __cplusplus
}
#endif
#endif  /* Py_PY_CURSES_H */
