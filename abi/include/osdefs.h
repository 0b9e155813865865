/* Characters of paths. */

#ifndef Py_OSDEFS_H
#define Py_OSDEFS_H
#ifdef __cplusplus
extern "C" {
#endif

#define DELIM 58
#define MAXPATHLEN 0x1000
#define SEP 47

#ifdef __cplusplus
}
#endif
#endif  /* Py_OSDEFS_H */
