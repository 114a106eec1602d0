# Completes `git dvcexp` in fish:
#
#   git dvcexp completion fish >~/.config/fish/conf.d/git-dvcexp.fish

# Words behind `git dvcexp` on the command line, or failure where that is not what it begins with.
function __git_dvcexp_words
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case dvcexp
                set -e words[1]
                test (count $words) -eq 0
                or printf '%s\n' $words
                return 0
            case -C -c --git-dir --work-tree --namespace --exec-path
                set -e words[1..2]
            case '-*'
                set -e words[1]
            case '*'
                return 1
        end
    end
    return 1
end

function __git_dvcexp_complete
    set -l words (__git_dvcexp_words | string escape)
    complete -C "git-dvcexp $words "(commandline -ct)
end

complete -c git -n __git_dvcexp_words -f -a '(__git_dvcexp_complete)'

function __git_dvcexp_experiments
    command git for-each-ref --format='%(refname:lstrip=4)' 'refs/exps/[0-9a-f][0-9a-f]/*/*' 2>/dev/null
end

function __git_dvcexp_revisions
    echo HEAD
    command git for-each-ref --format='%(refname:short)' refs/heads refs/tags refs/remotes 2>/dev/null
end

function __git_dvcexp_remotes
    command git remote 2>/dev/null
end

set -l verbs push pull list ls show status branch rename remove rm fetch checkout add fsck gc setup doctor trust credential with-credentials completion help
set -l verb "__fish_seen_subcommand_from"
complete -c git-dvcexp -f
complete -c git-dvcexp -s C -x -a '(__fish_complete_directories)' -d 'Change to this directory first'
complete -c git-dvcexp -s h -d 'Print a summary'

complete -c git-dvcexp -n "not $verb $verbs" -a push -d 'Push experiments with their data'
complete -c git-dvcexp -n "not $verb $verbs" -a pull -d 'Pull experiments with their data'
complete -c git-dvcexp -n "not $verb $verbs" -a list -d 'List experiments'
complete -c git-dvcexp -n "not $verb $verbs" -a show -d 'Show parameters and metrics of experiments'
complete -c git-dvcexp -n "not $verb $verbs" -a status -d 'Say whether the data of commits is shared'
complete -c git-dvcexp -n "not $verb $verbs" -a branch -d 'Make a branch of an experiment'
complete -c git-dvcexp -n "not $verb $verbs" -a rename -d 'Give an experiment another name'
complete -c git-dvcexp -n "not $verb $verbs" -a remove -d 'Remove experiments'
complete -c git-dvcexp -n "not $verb $verbs" -a fetch -d 'Bring the data of commits into the cache'
complete -c git-dvcexp -n "not $verb $verbs" -a checkout -d 'Put the data of the work tree in place'
complete -c git-dvcexp -n "not $verb $verbs" -a add -d 'Have DVC track files and directories'
complete -c git-dvcexp -n "not $verb $verbs" -a fsck -d 'Check cache and storage, and repair them'
complete -c git-dvcexp -n "not $verb $verbs" -a gc -d 'Remove objects that no commit needs'
complete -c git-dvcexp -n "not $verb $verbs" -a setup -d 'Have git push and git fetch carry DVC data along'
complete -c git-dvcexp -n "not $verb $verbs" -a doctor -d 'Find what keeps data from moving'
complete -c git-dvcexp -n "not $verb $verbs" -a trust -d 'Say that keys and data may go where a repository wants them'
complete -c git-dvcexp -n "not $verb $verbs" -a credential -d 'Move storage secrets between DVC and Git'
complete -c git-dvcexp -n "not $verb $verbs" -a with-credentials -d 'Run a program with the secret of a storage remote'
complete -c git-dvcexp -n "not $verb $verbs" -a completion -d 'Print what completes git dvcexp in a shell'
complete -c git-dvcexp -n "not $verb $verbs" -a help -d 'Open the manual page'

complete -c git-dvcexp -n "$verb push pull list ls show status remove rm" -l rev -x -a '(__git_dvcexp_revisions)' -d 'Made from this commit'
complete -c git-dvcexp -n "$verb push pull list ls show status remove rm" -s n -l num -x -d 'From so many commits'
complete -c git-dvcexp -n "$verb push pull list ls show status remove rm" -s A -l all-commits -d 'Made from any commit'
complete -c git-dvcexp -n "$verb push pull list ls status fetch fsck" -s r -l remote -x -d 'Storage remote to use'
complete -c git-dvcexp -n "$verb push pull list ls status fetch fsck" -s j -l jobs -x -d 'Most transfers at once'
complete -c git-dvcexp -n "$verb push pull list ls show status branch rename remove rm fetch fsck" -s q -l quiet -d 'Print errors only'
complete -c git-dvcexp -n "$verb push pull list ls show status fetch fsck" -s v -l verbose -d 'Print more'
complete -c git-dvcexp -n "$verb push pull list ls show status doctor trust credential fsck gc" -l json -d 'Print JSON'
complete -c git-dvcexp -n "$verb push pull rename" -s f -l force -d 'Replace experiments that differ'
complete -c git-dvcexp -n "$verb push pull" -l no-cache -d 'Refs alone'
complete -c git-dvcexp -n "$verb push pull" -l run-cache -d 'Also the run cache'
complete -c git-dvcexp -n "$verb push pull" -l no-run-cache -d 'Without the run cache'
complete -c git-dvcexp -n "$verb push pull remove rm" -l dry-run -d 'Say what would be done'
complete -c git-dvcexp -n "$verb list ls" -l name-only -d 'Names alone'
complete -c git-dvcexp -n "$verb list ls" -l names-only -d 'Names alone'
complete -c git-dvcexp -n "$verb list ls" -l sha-only -d 'Commit IDs alone'
complete -c git-dvcexp -n "$verb list ls" -l shas-only -d 'Commit IDs alone'
complete -c git-dvcexp -n "$verb list ls" -l storage -d 'Also ask the storage remotes'
complete -c git-dvcexp -n "$verb show status" -s a -l all-branches -d 'All branches'
complete -c git-dvcexp -n "$verb show status" -s T -l all-tags -d 'All tags'
complete -c git-dvcexp -n "$verb gc" -l storage -x -d 'From this storage remote'
complete -c git-dvcexp -n "$verb gc" -s y -l yes -d 'Remove, and not only show'
complete -c git-dvcexp -n "$verb gc" -l tips-only -d 'Without history'
complete -c git-dvcexp -n "$verb gc" -l older-than -x -d 'Days'
complete -c git-dvcexp -n "$verb gc" -l run-cache -d 'Also the run cache'
complete -c git-dvcexp -n "$verb gc" -l fetch -d 'First fetch commits that are not here'
complete -c git-dvcexp -n "$verb gc" -l except -x -a '(__git_dvcexp_revisions)' -d 'A commit that needs nothing'
complete -c git-dvcexp -n "$verb gc" -s p -l projects -x -a '(__fish_complete_directories)' -d 'Another repository'
complete -c git-dvcexp -n "$verb gc" -l unshared -d 'Nobody else uses the cache'
complete -c git-dvcexp -n "$verb gc" -s q -l quiet -d 'Print errors only'
complete -c git-dvcexp -n "$verb fsck" -l storage -d 'Also check storage'
complete -c git-dvcexp -n "$verb fsck" -l sample -x -d 'Hash a share of the objects'
complete -c git-dvcexp -n "$verb fsck" -l seed -x -d 'The same share again'
complete -c git-dvcexp -n "$verb fsck" -l repair -d 'Get right bytes from the other side'
complete -c git-dvcexp -n "$verb show" -l hide-workspace -d 'Leave out the work tree'
complete -c git-dvcexp -n "$verb show" -l sha -d 'IDs in place of names'
complete -c git-dvcexp -n "$verb show" -l param-deps -d 'Only parameters of stages'
complete -c git-dvcexp -n "$verb show" -l only-changed -d 'Only columns that differ'
complete -c git-dvcexp -n "$verb show" -l drop -x -d 'Leave out columns'
complete -c git-dvcexp -n "$verb show" -l keep -x -d 'Show columns'
complete -c git-dvcexp -n "$verb show" -l sort-by -x -d 'Sort by this column'
complete -c git-dvcexp -n "$verb show" -l sort-order -x -a 'asc desc' -d 'Least or most first'
complete -c git-dvcexp -n "$verb show" -l precision -x -d 'Significant digits'
complete -c git-dvcexp -n "$verb show" -l md -d 'Print Markdown'
complete -c git-dvcexp -n "$verb show" -l csv -d 'Print CSV'
complete -c git-dvcexp -n "$verb show" -l html -r -F -d 'Write a page'
complete -c git-dvcexp -n "$verb show" -l no-pager -d 'No pager'
complete -c git-dvcexp -n "$verb status rename remove rm" -s g -l git-remote -x -a '(__git_dvcexp_remotes)' -d 'Git remote'
complete -c git-dvcexp -n "$verb remove rm" -l keep -d 'Remove all others'
complete -c git-dvcexp -n "$verb checkout" -s f -l force -d 'Also replace files whose bytes are nowhere else'
complete -c git-dvcexp -n "$verb checkout" -l relink -d 'Make links and copies anew'
complete -c git-dvcexp -n "$verb checkout" -l allow-missing -d 'What is missing is no failure'
complete -c git-dvcexp -n "$verb checkout" -l summary -d 'Print numbers of files alone'
complete -c git-dvcexp -n "$verb checkout add" -s q -l quiet -d 'Print errors only'
complete -c git-dvcexp -n "$verb checkout" -s v -l verbose -d 'Print more'
complete -c git-dvcexp -n "$verb checkout" -l json -d 'Print JSON'
complete -c git-dvcexp -n "$verb checkout add" -F
complete -c git-dvcexp -n "$verb setup" -l experiments -d 'Also show experiments'
complete -c git-dvcexp -n "$verb setup" -l credential-helper -d 'Answer for passwords of HTTPS remotes'
complete -c git-dvcexp -n "$verb setup" -l checkout -d 'Hooks that put data in place'
complete -c git-dvcexp -n "$verb setup" -l undo -d 'Take it back'
complete -c git-dvcexp -n "$verb doctor" -l write -d 'Also write to storage'
complete -c git-dvcexp -n "$verb credential" -s y -l yes -d 'Do not ask'
complete -c git-dvcexp -n "$verb credential" -a 'import export check login' -d Action
complete -c git-dvcexp -n "$verb with-credentials" -s r -l remote -x -d 'Storage remote'
complete -c git-dvcexp -n "$verb trust" -l read -d 'Only to fetch from there'
complete -c git-dvcexp -n "$verb trust" -l never -d 'Use nothing there'
complete -c git-dvcexp -n "$verb trust" -l remove -d 'Forget what was said'
complete -c git-dvcexp -n "$verb trust" -l list -d 'Show what is remembered'
complete -c git-dvcexp -n "$verb trust" -l global -d 'For all repositories'

complete -c git-dvcexp -n "$verb push pull show branch rename remove rm status fetch fsck" -a '(__git_dvcexp_experiments)' -d Experiment
complete -c git-dvcexp -n "$verb push pull list ls setup doctor" -a '(__git_dvcexp_remotes)' -d 'Git remote'
complete -c git-dvcexp -n "$verb status fetch fsck" -a '(__git_dvcexp_revisions)' -d Revision
complete -c git-dvcexp -n "$verb completion" -a 'bash zsh fish' -d Shell
complete -c git-dvcexp -n "$verb help" -a "$verbs" -d Command
