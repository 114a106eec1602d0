# Completes `git dvcexp` in bash, inside Git's own completion, which calls _git_dvcexp and loads this file by its name:
#
#   git dvcexp completion bash >~/.local/share/bash-completion/completions/git-dvcexp

__git_dvcexp_experiments ()
{
	__git for-each-ref --format='%(refname:lstrip=4)' 'refs/exps/[0-9a-f][0-9a-f]/*/*'
}

# Experiments of the Git remote that is named on the command line, as Git completes its refs for `git fetch`.
__git_dvcexp_remote_experiments ()
{
	GIT_TERMINAL_PROMPT=0 __git ls-remote "$1" 'refs/exps/[0-9a-f][0-9a-f]/*' 2>/dev/null | sed -n 's,.*/,,p'
}

_git_dvcexp ()
{
	local verbs="push pull list show status branch rename remove fetch checkout add fsck gc setup doctor trust credential with-credentials completion help"
	local selecting="--rev --num --all-commits"
	local moving="--remote --jobs --quiet --verbose"
	local verb i="${__git_cmd_idx:-1}"
	for ((i++; i < cword; i++)); do
		case "${words[i]}" in
		-C) ((i++)) ;;
		-*) ;;
		ls) verb=list; break ;;
		rm) verb=remove; break ;;
		*) verb="${words[i]}"; break ;;
		esac
	done
	if [ -z "$verb" ]; then
		case "$prev" in
		-C) return ;;
		esac
		__gitcomp "$verbs"
		return
	fi

	case "$prev" in
	--sort-order)
		__gitcomp "asc desc"
		return
		;;
	--html)
		return
		;;
	--rev|--except)
		__gitcomp_nl "$(__git_refs)"
		return
		;;
	-g|--git-remote)
		__gitcomp_nl "$(__git_remotes)"
		return
		;;
	-r|--remote|-j|--jobs|-n|--num|-C|--sample|--seed|--older-than|--drop|--sort-by|--precision)
		return
		;;
	--keep)
		# Of `remove` it takes no word.
		if [ "$verb" = show ]; then return; fi
		;;
	esac

	case "$verb,$cur" in
	push,--*|pull,--*)
		__gitcomp "$selecting $moving --force --no-cache --run-cache --no-run-cache --dry-run --json"
		;;
	list,--*)
		__gitcomp "$selecting $moving --name-only --names-only --sha-only --shas-only --storage --json"
		;;
	show,--*)
		__gitcomp "$selecting --all-branches --all-tags --hide-workspace --sha --param-deps --only-changed --drop --keep --sort-by --sort-order --precision --md --csv --json --html --no-pager --quiet --verbose"
		;;
	status,--*)
		__gitcomp "$selecting $moving --git-remote --all-branches --all-tags --json"
		;;
	branch,--*)
		__gitcomp "--quiet"
		;;
	rename,--*)
		__gitcomp "--git-remote --force --quiet"
		;;
	remove,--*)
		__gitcomp "$selecting --git-remote --keep --dry-run --quiet"
		;;
	fetch,--*)
		__gitcomp "$moving"
		;;
	checkout,--*)
		__gitcomp "--force --relink --allow-missing --summary --quiet --verbose --json"
		;;
	add,--*)
		__gitcomp "--quiet"
		;;
	fsck,--*)
		__gitcomp "$moving --storage --sample --seed --repair --json"
		;;
	gc,--*)
		__gitcomp "--storage --yes --tips-only --older-than --run-cache --fetch --except --projects --unshared --quiet --json"
		;;
	setup,--*)
		__gitcomp "--checkout --credential-helper --experiments --undo"
		;;
	doctor,--*)
		__gitcomp "--write --json"
		;;
	credential,--*)
		__gitcomp "--yes --json"
		;;
	with-credentials,--*)
		__gitcomp "--remote"
		;;
	trust,--*)
		__gitcomp "--read --never --remove --list --global --json"
		;;
	push,*|pull,*)
		local remotes="$(__git_remotes)" word
		for word in "${words[@]:i+1:cword-i-1}"; do
			if [[ $'\n'"$remotes"$'\n' == *$'\n'"$word"$'\n'* ]]; then
				if [ "$verb" = pull ]; then
					__gitcomp_nl "$(__git_dvcexp_remote_experiments "$word")"
				else
					__gitcomp_nl "$(__git_dvcexp_experiments)"
				fi
				return
			fi
		done
		__gitcomp_nl "$remotes
$(__git_dvcexp_experiments)"
		;;
	list,*|setup,*|doctor,*)
		__gitcomp_nl "$(__git_remotes)"
		;;
	fetch,*)
		# Behind `--` are paths, which the shell completes.
		if [[ " ${words[*]:i+1:cword-i-1} " == *" -- "* ]]; then return; fi
		__gitcomp_nl "$(__git_refs)
$(__git_dvcexp_experiments)"
		;;
	status,*|fsck,*)
		__gitcomp_nl "$(__git_refs)
$(__git_dvcexp_experiments)"
		;;
	branch,*|rename,*|remove,*|show,*)
		__gitcomp_nl "$(__git_dvcexp_experiments)"
		;;
	completion,*)
		__gitcomp "bash zsh fish"
		;;
	help,*)
		__gitcomp "$verbs"
		;;
	esac
}
