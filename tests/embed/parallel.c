/* Runs a Python function from native threads, and compares eight threads with one.
 *
 * The host owns its threads: none of them was made by Python. Each asks for a thread state, calls, and gives it back.
 * Without a GIL the calls run at the same time on every core; with one they take turns, and the answers are the same.
 */
#include <Python.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 8 };

static const char program[] =
    "def work(n):\n"
    "    total = 0\n"
    "    for i in range(n):\n"
    "        total = (total * 31 + i) % 1000003\n"
    "    return total\n";

struct job {
    PyObject *function;
    long steps;
    long answer;
    int failed;
};

static void *
run_job(void *argument)
{
    struct job *job = argument;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunction(job->function, "l", job->steps);
    if (result != NULL) {
        job->answer = PyLong_AsLong(result);
        Py_DECREF(result);
    }
    if (PyErr_Occurred()) {
        PyErr_Print();
        job->failed = 1;
    }
    PyGILState_Release(state);
    return NULL;
}

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* All jobs, on so many threads at once. Gives the seconds, or a negative number. */
static double
run_jobs(PyObject *function, long steps, int at_once, long *answer)
{
    struct job jobs[THREADS];
    pthread_t threads[THREADS];
    double start = now();
    for (int first = 0; first < THREADS; first += at_once) {
        for (int i = first; i < first + at_once; i++) {
            jobs[i] = (struct job){function, steps, -1, 0};
            if (pthread_create(&threads[i], NULL, run_job, &jobs[i]) != 0) {
                return -1.0;
            }
        }
        for (int i = first; i < first + at_once; i++) {
            pthread_join(threads[i], NULL);
        }
    }
    double seconds = now() - start;
    *answer = jobs[0].answer;
    for (int i = 0; i < THREADS; i++) {
        if (jobs[i].failed || jobs[i].answer != *answer) {
            return -1.0;
        }
    }
    return seconds;
}

int
main(int argc, char **argv)
{
    long steps = argc > 1 ? atol(argv[1]) : 1000000;
    double wanted = argc > 2 ? atof(argv[2]) : 0.0;

    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }

    PyObject *function = NULL;
    PyObject *globals = PyDict_New();
    if (globals != NULL) {
        PyObject *done = PyRun_String(program, Py_file_input, globals, globals);
        Py_XDECREF(done);
        function = PyDict_GetItemString(globals, "work");
        Py_XINCREF(function);
    }
    if (function == NULL) {
        PyErr_Print();
        return 1;
    }
    printf("Python %s\n", Py_GetVersion());

    long one = 0, eight = 0;
    PyThreadState *main_state = PyEval_SaveThread();
    double alone = run_jobs(function, steps, 1, &one);
    double together = run_jobs(function, steps, THREADS, &eight);
    PyEval_RestoreThread(main_state);

    Py_DECREF(function);
    Py_DECREF(globals);
    if (Py_FinalizeEx() < 0) {
        return 1;
    }
    if (alone < 0 || together < 0 || one != eight) {
        fprintf(stderr, "a call failed, or the answers differ\n");
        return 1;
    }
    printf("%d calls, one thread at a time: %.3f s\n", THREADS, alone);
    printf("%d calls, %d native threads:     %.3f s\n", THREADS, THREADS, together);
    printf("speed-up: %.2f (answer %ld)\n", alone / together, one);
    if (alone / together < wanted) {
        fprintf(stderr, "wanted a speed-up of %.2f\n", wanted);
        return 1;
    }
    return 0;
}
