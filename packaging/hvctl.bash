# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of hvctl for bash: verbs and options as hvctl itself tells them.
_hvctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}

	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(hvctl --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')" -- "$word")
	elif [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(hvctl "$verb" --help 2>/dev/null | grep -o -e '--[a-z][a-z-]*=\?')" -- "$word")
		[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
	else
		case $verb in
		create|restore|clone|config-check|image-check|image-info)
			compopt -o filenames
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			;;
		*)
			mapfile -t COMPREPLY < <(compgen -W "$(hvctl list 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$word")
			;;
		esac
	fi
}
complete -F _hvctl hvctl
