#pragma once
#include <memory>
#include <string>

#include "fd.hpp"
#include "undo.hpp"

/** A tmpfs that nobody can see yet, for empty mount points, links and small files. Throws Failure. */
Fd make_tmpfs();

/** In an unseen tmpfs: makes the folders above `path`, the folder `path` itself, or a file. Throws Failure. */
void make_parents(int tmpfs, const std::string& path);
void make_all_folders(int tmpfs, const std::string& path);
void write_file(int tmpfs, const std::string& path, const std::string& text);

/** Takes the attached mount behind `mount` away, with all that is mounted below it. */
void undo_mount(const std::shared_ptr<Fd>& mount, Undo& undo);
