/* Starts a program as a Windows shell does, and ends with the exit code of the program.

   usage: start.exe PROGRAM [ARGUMENT...]

   START_USER_DIRECTORY  the value of USERPROFILE for the program. Wine sets one with the name of the Unix user
   START_INTERRUPT_FILE  when this file is created, the program gets Ctrl-C, in a console of its own */
#include <stdio.h>
#include <windows.h>

static wchar_t user_directory[MAX_PATH], interrupt_file[MAX_PATH];

static BOOL WINAPI ignore(DWORD event)
{
    return TRUE;
}

static int fail(const char *message)
{
    fprintf(stderr, "%s: error %lu\n", message, GetLastError());
    return 127;
}

/* The command line without its first word, which is this program. */
static wchar_t *rest_of_command_line(void)
{
    wchar_t *rest = GetCommandLineW(), end = *rest == L'"' ? *rest++ : L' ';
    while (*rest && *rest++ != end)
        ;
    while (*rest == L' ')
        rest++;
    return rest;
}

int wmain(void)
{
    STARTUPINFOW start = { .cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES };
    start.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (GetEnvironmentVariableW(L"START_USER_DIRECTORY", user_directory, MAX_PATH))
        SetEnvironmentVariableW(L"USERPROFILE", user_directory);
    if (GetEnvironmentVariableW(L"START_INTERRUPT_FILE", interrupt_file, MAX_PATH)) {
        FreeConsole();
        if (!AllocConsole() || !SetConsoleCtrlHandler(ignore, TRUE))
            return fail("cannot open a console");
    }

    PROCESS_INFORMATION process;
    if (!CreateProcessW(NULL, rest_of_command_line(), NULL, NULL, TRUE, 0, NULL, NULL, &start, &process))
        return fail("cannot start the program");
    while (WaitForSingleObject(process.hProcess, 20) == WAIT_TIMEOUT) {
        if (*interrupt_file && GetFileAttributesW(interrupt_file) != INVALID_FILE_ATTRIBUTES) {
            *interrupt_file = 0;
            if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0))
                return fail("cannot send Ctrl-C");
        }
    }
    DWORD code = 127;
    GetExitCodeProcess(process.hProcess, &code);
    ExitProcess(code);
}
