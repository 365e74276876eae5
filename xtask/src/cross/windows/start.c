/* Starts a program as a Windows shell would, and ends with its exit code.

   usage: start.exe PROGRAM [ARGUMENT...]

   CHECK_USER_FOLDER     the user's folder of the program: Wine derives its own from the name of the Unix user
   CHECK_INTERRUPT_FILE  gives both programs a console, and presses Ctrl-C in it as soon as this file exists */
#include <stdio.h>
#include <windows.h>

static wchar_t user_folder[MAX_PATH], interrupt_file[MAX_PATH];

static BOOL WINAPI ignore(DWORD event)
{
    return TRUE;
}

/* The command line after its first word, which is this program. */
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
    if (GetEnvironmentVariableW(L"CHECK_USER_FOLDER", user_folder, MAX_PATH))
        SetEnvironmentVariableW(L"USERPROFILE", user_folder);
    if (GetEnvironmentVariableW(L"CHECK_INTERRUPT_FILE", interrupt_file, MAX_PATH)) {
        FreeConsole();
        if (!AllocConsole() || !SetConsoleCtrlHandler(ignore, TRUE))
            return fprintf(stderr, "there is no console: error %lu\n", GetLastError()), 127;
    }

    PROCESS_INFORMATION process;
    if (!CreateProcessW(NULL, rest_of_command_line(), NULL, NULL, TRUE, 0, NULL, NULL, &start, &process))
        return fprintf(stderr, "the program cannot be started: error %lu\n", GetLastError()), 127;
    while (WaitForSingleObject(process.hProcess, 20) == WAIT_TIMEOUT) {
        if (*interrupt_file && GetFileAttributesW(interrupt_file) != INVALID_FILE_ATTRIBUTES) {
            *interrupt_file = 0;
            if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0))
                return fprintf(stderr, "Ctrl-C cannot be pressed: error %lu\n", GetLastError()), 127;
        }
    }
    DWORD code = 127;
    GetExitCodeProcess(process.hProcess, &code);
    ExitProcess(code);
}
