/* Kept for programs that include it; it annotates nothing. */

#ifndef Py_DYNAMIC_ANNOTATIONS_H
#define Py_DYNAMIC_ANNOTATIONS_H

#endif  /* Py_DYNAMIC_ANNOTATIONS_H */
